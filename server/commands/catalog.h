/**
 * @file
 * @brief What follows from the rows of the command table and their documents: categories and keys.
 */
#ifndef BLITZDB_SERVER_CATALOG_H
#define BLITZDB_SERVER_CATALOG_H

#include "command.h"

/** Most key specifications of one command. */
enum { BZS_KEY_SPECIFICATIONS_MAX = 4 };

/** Where some keys of a command are, and what happens to them. */
struct bzs_key_specification {
    struct bzs_slice flags; /**< words of Redis: RO, RW, OW, RM, access, update, insert, delete, ... */
    int first;              /**< index of the first key, or of their number */
    int last;               /**< index behind the first one, or negative: from the end */
    int step;
    bool is_counted; /**< at `first` stands how many keys follow */
    bool is_unknown; /**< they may be anywhere */
};

/** Reads the key specifications of a command; how many there are. */
size_t bzs_catalog_keys(const struct bzs_command *command,
                        struct bzs_key_specification keys_out[BZS_KEY_SPECIFICATIONS_MAX]);

/** True if a word is among those of a text with blanks between them. */
bool bzs_catalog_has_word(struct bzs_slice words, const char *word);
/** Writes words of a text as a set of simple strings. */
void bzs_catalog_write_words(struct bzs_slice words, struct bzs_reply *reply);

/** True if there is a category with this name (without @). */
bool bzs_catalog_has_category(struct bzs_slice name);
/** True if a command belongs to the category. */
bool bzs_catalog_is_in_category(const struct bzs_command *command, struct bzs_slice category);
/** Writes the categories of a command, each with its @, as a set. */
void bzs_catalog_write_categories(const struct bzs_command *command, struct bzs_reply *reply);
/** Answers with the names of all categories. */
void bzs_catalog_reply_categories(struct bzs_call *call);
/** Answers with the names of the commands in a category. */
void bzs_catalog_reply_category(struct bzs_call *call, struct bzs_slice category);

#endif
