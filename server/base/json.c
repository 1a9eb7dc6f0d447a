#include "json.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum { ESCAPE_SIZE_MAX = 7 }; /* \u0000 and a zero */

static bool continues(unsigned char byte) {
    return (byte & 0xC0) == 0x80;
}

/** Bytes of the UTF-8 character here; 0 if there is none. Overlong forms, surrogates and the like are none.
 */
static size_t utf8_size(const unsigned char *text) {
    if (text[0] < 0x80)
        return 1;
    if (text[0] >= 0xC2 && text[0] <= 0xDF)
        return continues(text[1]) ? 2 : 0;
    if (text[0] >= 0xE0 && text[0] <= 0xEF) {
        bool fits = continues(text[1]) && continues(text[2]) && (text[0] != 0xE0 || text[1] >= 0xA0) &&
                    (text[0] != 0xED || text[1] < 0xA0);
        return fits ? 3 : 0;
    }
    if (text[0] < 0xF0 || text[0] > 0xF4)
        return 0;
    bool fits = continues(text[1]) && continues(text[2]) && continues(text[3]) &&
                (text[0] != 0xF0 || text[1] >= 0x90) && (text[0] != 0xF4 || text[1] < 0x90);
    return fits ? 4 : 0;
}

size_t bzs_json_escape(const char *text, char *out, size_t room) {
    const unsigned char *read = (const unsigned char *)text;
    size_t used = 0;
    while (*read != '\0' && used + ESCAPE_SIZE_MAX <= room) {
        size_t size = utf8_size(read);
        if (*read == '"' || *read == '\\') {
            out[used++] = '\\';
            out[used++] = (char)*read;
        } else if (size == 1 && (*read < ' ' || *read == 0x7F)) {
            used += (size_t)snprintf(out + used, ESCAPE_SIZE_MAX, "\\u%04x", *read);
        } else if (size == 0) {
            memcpy(out + used, "\\ufffd", 6);
            used += 6;
        } else {
            memcpy(out + used, read, size);
            used += size;
        }
        read += size > 0 ? size : 1;
    }
    out[used] = '\0';
    return used;
}
