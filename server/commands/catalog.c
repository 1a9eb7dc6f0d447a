#include "catalog.h"

#include <stdlib.h>
#include <string.h>

#include "document.h"

static const char *const categories[] = {
    "keyspace", "read",   "write",       "set",       "sortedset",  "list",        "hash",
    "string",   "bitmap", "hyperloglog", "geo",       "stream",     "pubsub",      "admin",
    "fast",     "slow",   "blocking",    "dangerous", "connection", "transaction", "scripting",
};

enum { CATEGORY_COUNT = sizeof(categories) / sizeof(categories[0]) };

static struct bzs_slice slice_of(const char *text) {
    return (struct bzs_slice){text != NULL ? text : "", text != NULL ? strlen(text) : 0};
}

/** Takes the next word from the front; empty at the end. */
static struct bzs_slice next_word(struct bzs_slice *words) {
    while (words->size > 0 && words->data[0] == ' ') {
        words->data++;
        words->size--;
    }
    struct bzs_slice word = {words->data, 0};
    while (word.size < words->size && words->data[word.size] != ' ')
        word.size++;
    words->data += word.size;
    words->size -= word.size;
    return word;
}

bool bzs_catalog_has_word(struct bzs_slice words, const char *word) {
    for (struct bzs_slice next = next_word(&words); next.size > 0; next = next_word(&words))
        if (bzs_arg_is(next, word))
            return true;
    return false;
}

void bzs_catalog_write_words(struct bzs_slice words, struct bzs_reply *reply) {
    size_t count = 0;
    struct bzs_slice rest = words;
    while (next_word(&rest).size > 0)
        count++;
    bzs_reply_set(reply, count);
    for (struct bzs_slice word = next_word(&words); word.size > 0; word = next_word(&words)) {
        bzs_reply_raw(reply, "+", 1);
        bzs_reply_raw(reply, word.data, word.size);
        bzs_reply_raw(reply, "\r\n", 2);
    }
}

/* ---- Categories ---- */

/** What a category follows from. */
static bool has_flag_for(const struct bzs_command *command, const char *category) {
    static const struct {
        const char *category;
        unsigned flag;
    } flags[] = {
        {"read", BZS_READONLY}, {"write", BZS_WRITE}, {"admin", BZS_ADMIN}, {"dangerous", BZS_ADMIN}};
    for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++)
        if (strcmp(flags[i].category, category) == 0)
            return (command->flags & flags[i].flag) != 0;
    return false;
}

static bool is_group_for(const char *group, const char *category) {
    static const struct {
        const char *group, *category;
    } groups[] = {{"string", "string"},
                  {"bitmap", "bitmap"},
                  {"generic", "keyspace"},
                  {"connection", "connection"},
                  {"transactions", "transaction"},
                  {"scripting", "scripting"},
                  {"pubsub", "pubsub"}};
    for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++)
        if (strcmp(groups[i].group, group) == 0)
            return strcmp(groups[i].category, category) == 0;
    return false;
}

/** The document may add a category, or take one away. */
static bool follows(const struct bzs_command *command, const char *category) {
    bool is_fast = (command->flags & BZS_FAST) != 0;
    if (strcmp(category, "fast") == 0)
        return is_fast;
    if (strcmp(category, "slow") == 0)
        return !is_fast;
    if (command->handler == NULL) /* a container has no work of its own */
        return false;
    return has_flag_for(command, category) || is_group_for(command->group, category);
}

static bool is_in(const struct bzs_command *command, const char *category) {
    char added[32] = "+";
    char removed[32] = "-";
    struct bzs_slice changes = slice_of(bzs_document_of(command)->categories);
    strncat(added, category, sizeof(added) - 2);
    strncat(removed, category, sizeof(removed) - 2);
    return (follows(command, category) && !bzs_catalog_has_word(changes, removed)) ||
           bzs_catalog_has_word(changes, added);
}

bool bzs_catalog_has_category(struct bzs_slice name) {
    for (size_t i = 0; i < CATEGORY_COUNT; i++)
        if (bzs_arg_is(name, categories[i]))
            return true;
    return false;
}

bool bzs_catalog_is_in_category(const struct bzs_command *command, struct bzs_slice category) {
    for (size_t i = 0; i < CATEGORY_COUNT; i++)
        if (bzs_arg_is(category, categories[i]))
            return is_in(command, categories[i]);
    return false;
}

void bzs_catalog_write_categories(const struct bzs_command *command, struct bzs_reply *reply) {
    size_t count = 0;
    for (size_t i = 0; i < CATEGORY_COUNT; i++)
        count += is_in(command, categories[i]);
    bzs_reply_set(reply, count);
    for (size_t i = 0; i < CATEGORY_COUNT; i++) {
        if (is_in(command, categories[i])) {
            bzs_reply_raw(reply, "+@", 2);
            bzs_reply_raw(reply, categories[i], strlen(categories[i]));
            bzs_reply_raw(reply, "\r\n", 2);
        }
    }
}

void bzs_catalog_reply_categories(struct bzs_call *call) {
    bzs_reply_array(call->reply, CATEGORY_COUNT);
    for (size_t i = 0; i < CATEGORY_COUNT; i++)
        bzs_reply_text(call->reply, categories[i]);
}

void bzs_catalog_reply_category(struct bzs_call *call, struct bzs_slice category) {
    struct bzs_reply names;
    size_t count = 0;
    bzs_reply_init(&names);
    for (size_t i = 0; i < bzs_command_count(); i++) {
        const struct bzs_command *command = bzs_command_at(i);
        const struct bzs_command *child = command->subcommands;
        for (; command != NULL && command->name != NULL; command = child != NULL ? child++ : NULL) {
            if (bzs_catalog_is_in_category(command, category)) {
                bzs_reply_text(&names, command->name);
                count++;
            }
        }
    }
    bzs_reply_array(call->reply, count);
    bzs_reply_take(call->reply, &names);
}

/* ---- Keys ---- */

/** Reads "@first:last:step" or "@first#". */
static void read_place(const char *text, struct bzs_key_specification *keys) {
    char *end;
    keys->is_unknown = *text == '?';
    if (keys->is_unknown)
        return;
    keys->first = (int)strtol(text, &end, 10);
    keys->is_counted = *end == '#';
    if (*end == ':')
        keys->last = (int)strtol(end + 1, &end, 10);
    if (*end == ':')
        keys->step = (int)strtol(end + 1, &end, 10);
}

static struct bzs_key_specification keys_of_row(const struct bzs_command *command) {
    const char *flags = (command->flags & BZS_READONLY) != 0 ? "RO access" : "RW access update";
    return (struct bzs_key_specification){
        .flags = slice_of(flags),
        .first = command->first_key,
        .last = command->last_key < 0 ? command->last_key : command->last_key - command->first_key,
        .step = command->key_step};
}

size_t bzs_catalog_keys(const struct bzs_command *command,
                        struct bzs_key_specification keys_out[BZS_KEY_SPECIFICATIONS_MAX]) {
    const char *text = bzs_document_of(command)->keys;
    size_t count = 0;
    if (text == NULL && command->first_key > 0)
        keys_out[count++] = keys_of_row(command);
    while (text != NULL && *text != '\0' && count < BZS_KEY_SPECIFICATIONS_MAX) {
        struct bzs_key_specification keys = keys_of_row(command);
        size_t size = strcspn(text, ";");
        const char *at = memchr(text, '@', size);
        keys.flags = (struct bzs_slice){text, at != NULL ? (size_t)(at - text) : size};
        if (at != NULL)
            read_place(at + 1, &keys);
        keys_out[count++] = keys;
        text += size + (text[size] == ';');
    }
    return count;
}
