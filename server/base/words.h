/**
 * @file
 * @brief Splits a line into words with the quoting of Redis: for inline commands and for configuration lines.
 *
 * Words are separated by blanks. "double quotes" know \n \r \t \b \a, \xHH and a backslash before any other
 * character; 'single quotes' know only \'. A closing quote must end its word. Words are unquoted where they
 * stand, which can only make them shorter.
 */
#ifndef BLITZDB_SERVER_WORDS_H
#define BLITZDB_SERVER_WORDS_H

#include "reply.h"

/** What was found at the cursor. */
enum bzs_words_result {
    BZS_WORDS_WORD,       /**< a word */
    BZS_WORDS_END,        /**< nothing but blanks */
    BZS_WORDS_UNBALANCED, /**< a quote without its partner, or something glued to a closing quote */
};

/** Takes the next word from the bytes in [*cursor, end) and moves the cursor behind it. */
enum bzs_words_result bzs_words_next(char **cursor, const char *end, struct bzs_slice *word_out);

#endif
