#include "benchmark_request.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "benchmark_random.h"

enum { SIZE_DIGITS_MAX = 20 };

/** A request while it is compiled. */
struct compiler {
    struct request *request;
    const struct settings *settings;
    bool failed;
};

static void add_piece(struct compiler *compiler, struct piece piece) {
    struct request *request = compiler->request;
    size_t size = (request->piece_count + 1) * sizeof *request->pieces;
    struct piece *pieces = compiler->failed ? NULL : realloc(request->pieces, size);
    if (pieces == NULL) {
        compiler->failed = true;
        return;
    }
    request->pieces = pieces;
    request->pieces[request->piece_count++] = piece;
}

/** Bytes behind bytes become one piece. */
static void add_bytes(struct compiler *compiler, const char *bytes, size_t size) {
    struct request *request = compiler->request;
    char *text = compiler->failed ? NULL : realloc(request->text, request->text_size + size + 1);
    if (text == NULL) {
        compiler->failed = true;
        return;
    }
    memcpy(text + request->text_size, bytes, size);
    request->text = text;
    size_t count = request->piece_count;
    if (count > 0 && request->pieces[count - 1].kind == PIECE_BYTES)
        request->pieces[count - 1].size += size;
    else
        add_piece(compiler, (struct piece){.kind = PIECE_BYTES, .offset = request->text_size, .size = size});
    request->text_size += size;
    request->size_max += size;
}

static void add_text(struct compiler *compiler, const char *text) {
    add_bytes(compiler, text, strlen(text));
}

static void add_number(struct compiler *compiler, uint64_t number) {
    char text[24];
    snprintf(text, sizeof text, "%" PRIu64, number);
    add_text(compiler, text);
}

static void add_key(struct compiler *compiler) {
    const struct settings *settings = compiler->settings;
    add_text(compiler, settings->key_prefix);
    add_piece(compiler, (struct piece){.kind = PIECE_KEY});
    compiler->request->keys++;
    compiler->request->size_max += settings->key_size - strlen(settings->key_prefix);
}

static void add_value(struct compiler *compiler) {
    add_piece(compiler, (struct piece){.kind = PIECE_VALUE});
    compiler->request->size_max += compiler->settings->value_max;
}

/** The size of a value and `more` bytes: known, or decided for each command. */
static void add_value_size(struct compiler *compiler, size_t more) {
    const struct settings *settings = compiler->settings;
    if (settings->value_min == settings->value_max) {
        add_number(compiler, settings->value_min + more);
        return;
    }
    add_piece(compiler, (struct piece){.kind = PIECE_SIZE, .size = more});
    compiler->request->size_max += SIZE_DIGITS_MAX;
}

/** A word of a command of the Redis protocol, with at most one key or value in it. */
static void add_word(struct compiler *compiler, const char *word, size_t size) {
    static const char key_place[] = "__key__";
    static const char value_place[] = "__data__";
    const char *key = memmem(word, size, key_place, sizeof key_place - 1);
    const char *value = key == NULL ? memmem(word, size, value_place, sizeof value_place - 1) : NULL;
    const char *place = key != NULL ? key : value;
    size_t place_size = key != NULL ? sizeof key_place - 1 : value != NULL ? sizeof value_place - 1 : 0;
    size_t before = place != NULL ? (size_t)(place - word) : size;
    size_t fixed = size - place_size;
    add_text(compiler, "$");
    if (value != NULL)
        add_value_size(compiler, fixed);
    else
        add_number(compiler, fixed + (key != NULL ? compiler->settings->key_size : 0));
    add_text(compiler, "\r\n");
    add_bytes(compiler, word, before);
    if (key != NULL)
        add_key(compiler);
    else if (value != NULL)
        add_value(compiler);
    add_bytes(compiler, word + before + place_size, fixed - before);
    add_text(compiler, "\r\n");
}

static size_t next_word(const char **text, const char **word_out) {
    *text += strspn(*text, " \t");
    *word_out = *text;
    size_t size = strcspn(*text, " \t");
    *text += size;
    return size;
}

/** A command as it would be typed, and its last word `repeats` times. */
static void add_command(struct compiler *compiler, const char *text, uint64_t repeats) {
    const char *word;
    uint64_t words = 0;
    for (const char *rest = text; next_word(&rest, &word) > 0;)
        words++;
    if (words == 0) {
        compiler->failed = true;
        return;
    }
    add_text(compiler, "*");
    add_number(compiler, words - 1 + repeats);
    add_text(compiler, "\r\n");
    for (uint64_t i = 1; i <= words; i++) {
        size_t size = next_word(&text, &word);
        for (uint64_t n = 0; n < (i == words ? repeats : 1); n++)
            add_word(compiler, word, size);
    }
}

static struct compiler begin(struct request *request, const struct settings *settings) {
    *request = (struct request){0};
    return (struct compiler){.request = request, .settings = settings};
}

bool request_init_set(struct request *request, const struct settings *settings) {
    struct compiler compiler = begin(request, settings);
    if (settings->protocol != PROTOCOL_MEMCACHED) {
        add_command(&compiler, "SET __key__ __data__", 1);
        return !compiler.failed;
    }
    add_text(&compiler, "set ");
    add_key(&compiler);
    add_text(&compiler, " 0 0 ");
    add_value_size(&compiler, 0);
    add_text(&compiler, "\r\n");
    add_value(&compiler);
    add_text(&compiler, "\r\n");
    return !compiler.failed;
}

bool request_init_get(struct request *request, const struct settings *settings) {
    struct compiler compiler = begin(request, settings);
    request->reads = true;
    if (settings->protocol != PROTOCOL_MEMCACHED) {
        add_command(&compiler, settings->mget > 1 ? "MGET __key__" : "GET __key__", settings->mget);
        return !compiler.failed;
    }
    add_text(&compiler, "get");
    for (uint64_t i = 0; i < settings->mget; i++) {
        add_text(&compiler, " ");
        add_key(&compiler);
    }
    add_text(&compiler, "\r\n");
    return !compiler.failed;
}

bool request_init_incr(struct request *request, const struct settings *settings) {
    struct compiler compiler = begin(request, settings);
    if (settings->protocol != PROTOCOL_MEMCACHED) {
        add_command(&compiler, "INCR __key__", 1);
        return !compiler.failed;
    }
    add_text(&compiler, "incr ");
    add_key(&compiler);
    add_text(&compiler, " 1\r\n");
    return !compiler.failed;
}

bool request_init_custom(struct request *request, const struct settings *settings) {
    struct compiler compiler = begin(request, settings);
    add_command(&compiler, settings->command, 1);
    return !compiler.failed;
}

void request_deinit(struct request *request) {
    free(request->pieces);
    free(request->text);
}

/** Exactly so many digits, with zeros in front. */
static char *write_digits(char *out, uint64_t number, uint64_t digits) {
    static const char pairs[] =
        "00010203040506070809101112131415161718192021222324252627282930313233343536373839"
        "40414243444546474849505152535455565758596061626364656667686970717273747576777879"
        "8081828384858687888990919293949596979899";
    char *end = out + digits;
    char *at = end;
    for (; at - out >= 2; number /= 100) {
        at -= 2;
        memcpy(at, pairs + number % 100 * 2, 2);
    }
    if (at > out)
        *out = (char)('0' + number % 10);
    return end;
}

static char *write_number(char *out, uint64_t number) {
    uint64_t digits = 1;
    for (uint64_t rest = number; rest >= 10; rest /= 10)
        digits++;
    return write_digits(out, number, digits);
}

static uint64_t choose_size(struct request_source *source) {
    if (source->value_min == source->value_max)
        return source->value_min;
    return source->value_min + random_below(&source->random, source->value_max - source->value_min + 1);
}

size_t request_write(const struct request *request, struct request_source *source, char *out,
                     uint64_t *keys_out) {
    char *at = out;
    uint64_t key = 0;
    uint64_t value_size = choose_size(source);
    for (size_t i = 0; i < request->piece_count; i++) {
        const struct piece *piece = &request->pieces[i];
        switch (piece->kind) {
        case PIECE_BYTES:
            memcpy(at, request->text + piece->offset, piece->size);
            at += piece->size;
            break;
        case PIECE_KEY:
            key = key_source_next(&source->keys);
            at = write_digits(at, key, source->key_digits);
            if (keys_out != NULL)
                *keys_out++ = key;
            break;
        case PIECE_SIZE:
            at = write_number(at, value_size + piece->size);
            break;
        case PIECE_VALUE:
            values_write(source->values, key, at, value_size);
            at += value_size;
            break;
        }
    }
    return (size_t)(at - out);
}
