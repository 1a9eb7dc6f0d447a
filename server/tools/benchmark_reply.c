#include "benchmark_reply.h"

#include <stdlib.h>
#include <string.h>

void reply_reader_init(struct reply_reader *reader, const struct settings *settings,
                       struct reply_counts *counts, value_handler *handler, void *user) {
    *reader = (struct reply_reader){.counts = counts, .handler = handler, .user = user, .elements = 1};
    reader->memcached = settings->protocol == PROTOCOL_MEMCACHED;
    reader->keys = settings->mget;
}

static void note_error(struct reply_reader *reader, const char *text, size_t size) {
    struct reply_counts *counts = reader->counts;
    if (counts->errors++ > 0)
        return;
    if (size >= sizeof counts->error)
        size = sizeof counts->error - 1;
    memcpy(counts->error, text, size);
    counts->error[size] = '\0';
}

static void end_element(struct reply_reader *reader) {
    reader->index++;
    if (--reader->elements > 0)
        return;
    reader->replies++;
    reader->elements = 1;
    reader->index = 0;
}

static void hand_over(struct reply_reader *reader, const char *data, size_t size) {
    if (reader->handler == NULL || reader->is_error)
        return;
    struct value_part part = {
        .index = reader->index, .size = reader->value_size, .part = data, .part_size = size};
    part.key = reader->memcached ? reader->line + strlen("VALUE ") : NULL;
    part.offset = reader->value_size + 2 - reader->value_left;
    reader->handler(reader->user, &part);
}

static void begin_value(struct reply_reader *reader, uint64_t size) {
    reader->value_size = size;
    reader->value_left = size + 2;
    reader->in_value = true;
    if (size == 0 && reader->is_error)
        note_error(reader, "", 0);
    else if (size == 0)
        hand_over(reader, "", 0);
}

/** Takes a part of a value; the line end behind it is not looked at. */
static size_t take_value(struct reply_reader *reader, const char *data, size_t size) {
    size_t taken = size < reader->value_left ? size : (size_t)reader->value_left;
    uint64_t content = reader->value_left > 2 ? reader->value_left - 2 : 0;
    size_t part = taken < content ? taken : (size_t)content;
    if (part > 0)
        hand_over(reader, data, part);
    if (part > 0 && reader->is_error && reader->value_left == reader->value_size + 2)
        note_error(reader, data, part);
    reader->value_left -= taken;
    if (reader->value_left > 0)
        return taken;
    reader->in_value = false;
    if (reader->memcached)
        reader->index++;
    else
        end_element(reader);
    return taken;
}

/** A number of at most 18 digits behind the first character of a line, or -1. */
static bool read_count(const char *text, int64_t *count_out) {
    int64_t count = 0;
    if (strcmp(text, "-1") == 0) {
        *count_out = -1;
        return true;
    }
    size_t digits = strspn(text, "0123456789");
    if (digits == 0 || digits > 18 || (text[digits] != '\0' && text[digits] != ' '))
        return false;
    for (size_t i = 0; i < digits; i++)
        count = count * 10 + (text[i] - '0');
    *count_out = count;
    return true;
}

/** The first line of something with a length or a count. */
static void begin_counted(struct reply_reader *reader, char kind) {
    int64_t count;
    if (!read_count(reader->line + 1, &count)) {
        reader->broken = true;
    } else if (count < 0) {
        reader->counts->misses++;
        end_element(reader);
    } else if (kind == '$' || kind == '=' || kind == '!') {
        reader->is_error = kind == '!';
        begin_value(reader, (uint64_t)count);
    } else if (kind == '|' || kind == '>') {
        // It stands before what was asked for.
        reader->elements += (uint64_t)count * (kind == '|' ? 2 : 1);
    } else if (count == 0) {
        end_element(reader);
    } else {
        reader->elements += (uint64_t)count * (kind == '%' ? 2 : 1) - 1;
    }
}

static void end_resp_line(struct reply_reader *reader) {
    char kind = reader->line[0];
    switch (kind) {
    case '-':
        note_error(reader, reader->line + 1, reader->line_size - 1);
        end_element(reader);
        break;
    case '_':
        reader->counts->misses++;
        end_element(reader);
        break;
    case '+':
    case ':':
    case ',':
    case '#':
    case '(':
        end_element(reader);
        break;
    case '$':
    case '=':
    case '!':
    case '*':
    case '~':
    case '%':
    case '|':
    case '>':
        begin_counted(reader, kind);
        break;
    default:
        reader->broken = true;
    }
}

static bool begins_with(const char *line, const char *word) {
    return strncmp(line, word, strlen(word)) == 0;
}

/** "VALUE key flags size" */
static void begin_memcached_value(struct reply_reader *reader) {
    int64_t size;
    const char *at = strchr(reader->line + strlen("VALUE "), ' ');
    at = at != NULL ? strchr(at + 1, ' ') : NULL;
    if (at == NULL || !read_count(at + 1, &size) || size < 0)
        reader->broken = true;
    else
        begin_value(reader, (uint64_t)size);
}

static void end_memcached_line(struct reply_reader *reader) {
    const char *line = reader->line;
    if (begins_with(line, "VALUE ")) {
        begin_memcached_value(reader);
        return;
    }
    if (strcmp(line, "END") == 0)
        reader->counts->misses += reader->keys - reader->index;
    else if (strcmp(line, "NOT_FOUND") == 0)
        reader->counts->misses++;
    else if (begins_with(line, "ERROR") || begins_with(line, "CLIENT_ERROR") ||
             begins_with(line, "SERVER_ERROR") || strcmp(line, "NOT_STORED") == 0)
        note_error(reader, line, reader->line_size);
    else if (strcmp(line, "STORED") != 0 && !begins_with(line, "VERSION ") &&
             (line[0] < '0' || line[0] > '9'))
        reader->broken = true;
    if (!reader->broken)
        end_element(reader);
}

/** Takes a line or a part of one; of a line that does not fit the beginning is kept. */
static size_t take_line(struct reply_reader *reader, const char *data, size_t size) {
    const char *newline = memchr(data, '\n', size);
    size_t part = newline != NULL ? (size_t)(newline - data) : size;
    size_t room = sizeof reader->line - 1 - reader->line_size;
    size_t kept = part < room ? part : room;
    memcpy(reader->line + reader->line_size, data, kept);
    reader->line_size += kept;
    if (newline == NULL)
        return size;
    if (reader->line_size > 0 && reader->line[reader->line_size - 1] == '\r')
        reader->line_size--;
    reader->line[reader->line_size] = '\0';
    reader->is_error = false;
    if (reader->memcached)
        end_memcached_line(reader);
    else
        end_resp_line(reader);
    // A broken reader keeps the line to be shown.
    if (!reader->broken)
        reader->line_size = 0;
    return part + 1;
}

size_t reply_reader_take(struct reply_reader *reader, const char *data, size_t size) {
    uint64_t replies = reader->replies;
    size_t taken = 0;
    while (taken < size && reader->replies == replies && !reader->broken)
        if (reader->in_value)
            taken += take_value(reader, data + taken, size - taken);
        else
            taken += take_line(reader, data + taken, size - taken);
    return taken;
}
