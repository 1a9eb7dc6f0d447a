#include "words.h"

static bool is_blank(char c) {
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/** Value of a hexadecimal digit, -1 for anything else. */
static int hex_value(char c) {
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/** Decodes what follows a backslash in double quotes; returns how many bytes that was. */
static size_t decode_escape(const char *text, const char *end, char *out) {
    static const char codes[] = {'n', '\n', 'r', '\r', 't', '\t', 'b', '\b', 'a', '\a'};
    if (text[0] == 'x' && end - text >= 3 && hex_value(text[1]) >= 0 && hex_value(text[2]) >= 0) {
        *out = (char)(hex_value(text[1]) * 16 + hex_value(text[2]));
        return 3;
    }
    *out = text[0];
    for (size_t i = 0; i < sizeof(codes); i += 2)
        if (codes[i] == text[0])
            *out = codes[i + 1];
    return 1;
}

/** Unquotes from behind the opening quote to `*write`; answers the place behind the closing one, or NULL. */
static char *unquote(char *read, const char *end, char quote, char **write) {
    while (read < end && *read != quote) {
        bool escaped = *read == '\\' && read + 1 < end && (quote == '"' || read[1] == '\'');
        if (escaped) {
            read++;
            read += decode_escape(read, end, *write);
            (*write)++;
        } else {
            *(*write)++ = *read++;
        }
    }
    bool closed = read < end && (read + 1 == end || is_blank(read[1]));
    return closed ? read + 1 : NULL;
}

enum bzs_words_result bzs_words_next(char **cursor, const char *end, struct bzs_slice *word_out) {
    char *read = *cursor;
    while (read < end && is_blank(*read))
        read++;
    char *word = read;
    char *write = read;
    *cursor = read;
    if (read == end)
        return BZS_WORDS_END;
    while (read < end && !is_blank(*read)) {
        if (*read == '"' || *read == '\'') {
            read = unquote(read + 1, end, *read, &write);
            if (read == NULL)
                return BZS_WORDS_UNBALANCED;
        } else {
            *write++ = *read++;
        }
    }
    *cursor = read;
    *word_out = (struct bzs_slice){word, (size_t)(write - word)};
    return BZS_WORDS_WORD;
}
