/**
 * @file
 * @brief The password of the server, of which only a salted hash is kept.
 *
 * HMAC-SHA-256 with a random salt as its key, by libsodium: fast, because every connection logs in, and of
 * fixed length, so that it is compared in constant time. Shown as 32 hexadecimal digits of salt, a colon and
 * 64 digits of hash, the value of the setting `requirepass-hash`.
 */
#ifndef BLITZDB_SERVER_PASSWORD_H
#define BLITZDB_SERVER_PASSWORD_H

#include <stdbool.h>
#include <stddef.h>

/** Sizes in bytes. */
enum { BZS_SALT_SIZE = 16, BZS_HASH_SIZE = 32, BZS_PASSWORD_TEXT_SIZE = 2 * (16 + 32) + 2 };

/** A hashed password. */
struct bzs_password {
    unsigned char salt[BZS_SALT_SIZE];
    unsigned char hash[BZS_HASH_SIZE];
};

/** Hashes with a new salt. */
void bzs_password_set(struct bzs_password *password, const char *text, size_t size);

/** True if this is the password; takes the same time whatever is wrong with a text of this size. */
bool bzs_password_is(const struct bzs_password *password, const char *text, size_t size);

/** Keeps core dumps and other processes of the user away from the memory of this one. */
void bzs_password_protect(void);

/** Writes salt and hash as text. */
void bzs_password_show(const struct bzs_password *password, char text_out[BZS_PASSWORD_TEXT_SIZE]);

/** Reads what bzs_password_show() wrote; false if it is something else. */
bool bzs_password_read(struct bzs_password *password, const char *text);

#endif
