#include "path.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { NUMBER_DIGITS = 16 };

void bzd_path_join(char path_out[BZD_PATH_MAX], const char *dir, const char *name) {
    (void)snprintf(path_out, BZD_PATH_MAX, "%s/%s", dir, name);
}

void bzd_name_numbered(char name_out[BZD_NAME_MAX], const char *prefix, uint64_t number, const char *suffix) {
    (void)snprintf(name_out, BZD_NAME_MAX, "%s%016" PRIx64 "%s", prefix, number, suffix);
}

void bzd_path_numbered(char path_out[BZD_PATH_MAX], const char *dir, const char *prefix, uint64_t number,
                       const char *suffix) {
    char name[BZD_NAME_MAX];
    bzd_name_numbered(name, prefix, number, suffix);
    bzd_path_join(path_out, dir, name);
}

/** The value of a lower-case hexadecimal digit, or -1. Upper case would give one file two names. */
static int digit_value(char digit) {
    if (digit >= '0' && digit <= '9')
        return digit - '0';
    if (digit >= 'a' && digit <= 'f')
        return digit - 'a' + 10;
    return -1;
}

bool bzd_name_number(const char *name, const char *prefix, const char *suffix, uint64_t *number_out) {
    size_t prefix_size = strlen(prefix);
    if (strncmp(name, prefix, prefix_size) != 0)
        return false;

    const char *digits = name + prefix_size;
    uint64_t number = 0;
    for (unsigned i = 0; i < NUMBER_DIGITS; i++) {
        int value = digit_value(digits[i]);
        if (value < 0)
            return false;
        number = number << 4 | (uint64_t)value;
    }
    if (strcmp(digits + NUMBER_DIGITS, suffix) != 0)
        return false;
    *number_out = number;
    return true;
}

void bzd_path_parent(char path_out[BZD_PATH_MAX], const char *dir) {
    size_t size = strlen(dir);
    while (size > 1 && dir[size - 1] == '/')
        size--;
    while (size > 0 && dir[size - 1] != '/')
        size--;
    while (size > 1 && dir[size - 1] == '/')
        size--;
    if (size == 0) {
        dir = ".";
        size = 1;
    }
    memcpy(path_out, dir, size);
    path_out[size] = '\0';
}
