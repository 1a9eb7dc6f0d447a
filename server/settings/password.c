#include "password.h"

#include <sodium.h>
#include <string.h>
#include <sys/prctl.h>

_Static_assert(BZS_HASH_SIZE == crypto_auth_hmacsha256_BYTES, "the hash fits");

static void hash(const unsigned char salt[BZS_SALT_SIZE], const char *text, size_t size,
                 unsigned char hash_out[BZS_HASH_SIZE]) {
    crypto_auth_hmacsha256_state state;
    crypto_auth_hmacsha256_init(&state, salt, BZS_SALT_SIZE);
    crypto_auth_hmacsha256_update(&state, (const unsigned char *)text, size);
    crypto_auth_hmacsha256_final(&state, hash_out);
    sodium_memzero(&state, sizeof(state));
}

void bzs_password_set(struct bzs_password *password, const char *text, size_t size) {
    randombytes_buf(password->salt, sizeof(password->salt));
    hash(password->salt, text, size, password->hash);
}

bool bzs_password_is(const struct bzs_password *password, const char *text, size_t size) {
    unsigned char given[BZS_HASH_SIZE];
    hash(password->salt, text, size, given);
    bool same = sodium_memcmp(given, password->hash, sizeof(given)) == 0;
    sodium_memzero(given, sizeof(given));
    return same;
}

void bzs_password_protect(void) {
    (void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0); /* cannot fail with these arguments */
}

void bzs_password_show(const struct bzs_password *password, char text_out[BZS_PASSWORD_TEXT_SIZE]) {
    sodium_bin2hex(text_out, BZS_PASSWORD_TEXT_SIZE, password->salt, BZS_SALT_SIZE);
    text_out[2 * BZS_SALT_SIZE] = ':';
    sodium_bin2hex(text_out + 2 * BZS_SALT_SIZE + 1, 2 * BZS_HASH_SIZE + 1, password->hash, BZS_HASH_SIZE);
}

static bool read_hex(const char *text, size_t digits, unsigned char *bytes_out) {
    size_t size;
    return sodium_hex2bin(bytes_out, digits / 2, text, digits, NULL, &size, NULL) == 0 && size == digits / 2;
}

bool bzs_password_read(struct bzs_password *password, const char *text) {
    return strlen(text) == BZS_PASSWORD_TEXT_SIZE - 1 && text[2 * BZS_SALT_SIZE] == ':' &&
           read_hex(text, 2 * BZS_SALT_SIZE, password->salt) &&
           read_hex(text + 2 * BZS_SALT_SIZE + 1, 2 * BZS_HASH_SIZE, password->hash);
}
