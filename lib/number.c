#include "number.h"

#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "invariant.h"

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

bool bzd_parse_integer(struct bzd_slice text, int64_t *number_out) {
    const char *at = text.data;
    size_t left = text.size;
    if (left == 0 || left > BZD_INTEGER_TEXT_MAX)
        return false;
    const bool negative = *at == '-';
    if (negative) {
        at++;
        left--;
    }
    if (left == 0 || (*at == '0' && (left > 1 || negative)))
        return false;

    uint64_t magnitude = 0;
    for (; left > 0; at++, left--) {
        if (!is_digit(*at))
            return false;
        const uint64_t digit = (uint64_t)(*at - '0');
        if (magnitude > (UINT64_MAX - digit) / 10)
            return false;
        magnitude = magnitude * 10 + digit;
    }
    if (magnitude > (uint64_t)INT64_MAX + negative)
        return false;
    /* The smallest number has no positive twin, so it is reached without one. */
    *number_out = negative ? -(int64_t)(magnitude - 1) - 1 : (int64_t)magnitude;
    return true;
}

size_t bzd_format_integer(int64_t number, char *text) {
    char reversed[BZD_INTEGER_TEXT_MAX];
    uint64_t magnitude = number < 0 ? 0 - (uint64_t)number : (uint64_t)number;
    size_t count = 0;
    do {
        reversed[count++] = (char)('0' + magnitude % 10);
        magnitude /= 10;
    } while (magnitude > 0);

    size_t size = 0;
    if (number < 0)
        text[size++] = '-';
    while (count > 0)
        text[size++] = reversed[--count];
    return size;
}

/** Number of digits `text` begins with. */
static size_t digit_count(const char *text, size_t size) {
    size_t count = 0;
    while (count < size && is_digit(text[count]))
        count++;
    return count;
}

static size_t sign_size(const char *text, size_t size) {
    return size > 0 && (text[0] == '+' || text[0] == '-') ? 1 : 0;
}

/** Checks the whole text against [sign] digits [. digits] [e [sign] digits], with a digit before the e. */
static bool is_decimal(const char *text, size_t size) {
    size_t at = sign_size(text, size);
    size_t digits = digit_count(text + at, size - at);
    at += digits;
    if (at < size && text[at] == '.') {
        at++;
        const size_t fraction = digit_count(text + at, size - at);
        digits += fraction;
        at += fraction;
    }
    if (digits > 0 && at < size && (text[at] == 'e' || text[at] == 'E')) {
        at++;
        at += sign_size(text + at, size - at);
        digits = digit_count(text + at, size - at);
        at += digits;
    }
    return digits > 0 && at == size;
}

bool bzd_parse_double(struct bzd_slice text, double *number_out) {
    /* Redis's limit on the text of a floating point number. */
    char copy[5 * 1024];
    if (text.size == 0 || text.size >= sizeof copy || !is_decimal(text.data, text.size))
        return false;
    memcpy(copy, text.data, text.size);
    copy[text.size] = '\0';

    /* The C locale is a constant of the C library: naming it takes no memory and cannot fail. */
    const double number = strtod_l(copy, NULL, newlocale(LC_ALL_MASK, "C", (locale_t)0));
    if (!isfinite(number))
        return false;
    *number_out = number;
    return true;
}

/** Decimal digits d1 d2 ... dn of a number 0.d1d2...dn * 10^point. */
struct digits {
    char text[17];
    size_t count;
    int point;
};

/** Rounds to `precision` digits and drops the zeros at the end. */
static struct digits round_to(double number, int precision) {
    char scientific[48];
    snprintf(scientific, sizeof scientific, "%.*e", precision - 1, number);

    /* Whatever the locale puts between the digits is stepped over. */
    struct digits digits = {.count = 0};
    const char *at = scientific;
    for (; *at != 'e'; at++)
        if (is_digit(*at) && digits.count < sizeof digits.text)
            digits.text[digits.count++] = *at;
    while (digits.count > 1 && digits.text[digits.count - 1] == '0')
        digits.count--;
    digits.point = (int)strtol(at + 1, NULL, 10) + 1;
    return digits;
}

/** Writes without an exponent, with zeros where the digits do not reach the point; 0 if that is too long. */
static size_t write_plain(const struct digits *digits, char *text, size_t text_size) {
    const int count = (int)digits->count;
    const int from = digits->point < 1 ? digits->point - 1 : 0;
    const int to = digits->point > count ? digits->point : count;
    if ((size_t)(to - from) + (digits->point < to) > text_size)
        return 0;

    size_t size = 0;
    for (int i = from; i < to; i++) {
        if (i == digits->point)
            text[size++] = '.';
        text[size++] = i >= 0 && i < count ? digits->text[i] : '0';
    }
    return size;
}

static size_t write_scientific(const struct digits *digits, char *text) {
    size_t size = 0;
    text[size++] = digits->text[0];
    if (digits->count > 1)
        text[size++] = '.';
    memcpy(text + size, digits->text + 1, digits->count - 1);
    size += digits->count - 1;
    const int exponent = digits->point - 1;
    text[size++] = 'e';
    text[size++] = exponent < 0 ? '-' : '+';
    return size + bzd_format_integer(exponent < 0 ? -exponent : exponent, text + size);
}

static size_t write_digits(const struct digits *digits, bool negative, char *text) {
    size_t size = 0;
    if (negative)
        text[size++] = '-';
    /* Redis never answers with an exponent; the very large and very small would need hundreds of digits. */
    size_t plain = write_plain(digits, text + size, BZD_DOUBLE_TEXT_MAX - size);
    return size + (plain > 0 ? plain : write_scientific(digits, text + size));
}

size_t bzd_format_double(double number, char *text) {
    BZD_ASSERT(isfinite(number));
    /* Fifteen digits survive the way into a double and back, seventeen are always enough. */
    for (int precision = 15;; precision++) {
        const struct digits digits = round_to(fabs(number), precision);
        /* Negative zero loses its sign, as in Redis: it compares equal. */
        const size_t size = write_digits(&digits, number < 0, text);
        double back;
        if (precision == 17 || (bzd_parse_double(bzd_slice_of(text, size), &back) && back == number))
            return size;
    }
}
