#include "document.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"

static const struct bzs_document nothing = {.name = ""};

static struct {
    pthread_once_t once;
    const struct bzs_document *of[BZS_COMMAND_ROWS_MAX]; /* by bzs_command_id() */
} index_of_documents = {.once = PTHREAD_ONCE_INIT};

static const struct bzs_document *const tables[] = {
    bzs_documents_string,
    bzs_documents_generic,
    bzs_documents_server,
    bzs_documents_connection,
};

static void fill_index(void) {
    for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
        for (const struct bzs_document *document = tables[i]; document->name != NULL; document++) {
            struct bzs_slice name = {document->name, strlen(document->name)};
            const struct bzs_command *command = bzs_command_find_full(name);
            if (command != NULL)
                index_of_documents.of[bzs_command_id(command)] = document;
        }
    }
}

const struct bzs_document *bzs_document_of(const struct bzs_command *command) {
    pthread_once(&index_of_documents.once, fill_index);
    const struct bzs_document *document = index_of_documents.of[bzs_command_id(command)];
    return document != NULL ? document : &nothing;
}

/* ---- The notation of arguments ---- */

/** One argument taken apart. */
struct argument {
    bool is_optional, is_multiple, repeats_token;
    struct bzs_slice name, type, token, since, deprecated, key_index;
    char opening; /* '(' or '{' if it has parts, else 0 */
};

/** Reads up to the next mark. */
static struct bzs_slice read_word(const char **text) {
    size_t size = strcspn(*text, " :=@!#(){}");
    struct bzs_slice word = {*text, size};
    *text += size;
    return word;
}

/** Reads one argument up to its parts; false if it has no name. */
static bool read_argument(const char **text, struct argument *argument_out) {
    struct argument argument = {false};
    for (; strchr("?*+", **text) != NULL && **text != '\0'; ++*text) {
        argument.is_optional |= **text == '?';
        argument.is_multiple |= **text == '*';
        argument.repeats_token |= **text == '+';
    }
    argument.name = read_word(text);
    for (char mark = **text; strchr(":=@!#", mark) != NULL && mark != '\0'; mark = **text) {
        if (mark == ':' && argument.type.size > 0) /* what looked like the type is part of the name */
            argument.name.size = (size_t)(*text - argument.name.data);
        ++*text;
        struct bzs_slice *member = mark == ':'   ? &argument.type
                                   : mark == '=' ? &argument.token
                                   : mark == '@' ? &argument.since
                                   : mark == '!' ? &argument.deprecated
                                                 : &argument.key_index;
        *member = read_word(text);
    }
    if (**text == '(' || **text == '{')
        argument.opening = *(*text)++;
    *argument_out = argument;
    return argument.name.size > 0;
}

static void write_field(struct bzs_reply *reply, const char *name, struct bzs_slice value) {
    bzs_reply_text(reply, name);
    bzs_reply_bulk(reply, value.data, value.size);
}

static void write_flags(struct bzs_reply *reply, const struct argument *argument) {
    bzs_reply_text(reply, "flags");
    bzs_reply_set(reply, (size_t)argument->is_optional + argument->is_multiple + argument->repeats_token);
    if (argument->is_optional)
        bzs_reply_simple(reply, "optional");
    if (argument->is_multiple)
        bzs_reply_simple(reply, "multiple");
    if (argument->repeats_token)
        bzs_reply_simple(reply, "multiple_token");
}

static const char *type_of(const struct argument *argument) {
    return argument->opening == '('   ? "oneof"
           : argument->opening == '{' ? "block"
           : argument->token.size > 0 ? "pure-token"
                                      : "string";
}

/** Writes everything of one argument but its parts. */
static void write_argument(const struct argument *argument, struct bzs_reply *reply) {
    const char *type = type_of(argument);
    struct bzs_slice default_type = {type, strlen(type)};
    struct bzs_slice shown_type = argument->type.size > 0 ? argument->type : default_type;
    bool is_key =
        (shown_type.size == 3 && memcmp(shown_type.data, "key", 3) == 0) || argument->key_index.size > 0;
    bool has_flags = argument->is_optional || argument->is_multiple || argument->repeats_token;
    bzs_reply_map(reply, 2 + (size_t)is_key + (argument->token.size > 0) + (argument->since.size > 0) +
                             (argument->deprecated.size > 0) + has_flags + (argument->opening != 0));
    write_field(reply, "name", argument->name);
    write_field(reply, "type", shown_type);
    if (is_key) {
        bzs_reply_text(reply, "key_spec_index");
        bzs_reply_integer(reply, argument->key_index.size > 0 ? argument->key_index.data[0] - '0' : 0);
    }
    if (argument->token.size > 0)
        write_field(reply, "token", argument->token);
    if (argument->since.size > 0)
        write_field(reply, "since", argument->since);
    if (argument->deprecated.size > 0)
        write_field(reply, "deprecated_since", argument->deprecated);
    if (has_flags)
        write_flags(reply, argument);
}

/** A list being written: in a writer of its own, as its length comes first. */
struct list {
    struct list *outer; /* NULL: it is the outermost */
    struct bzs_reply content;
    size_t count;
    char closing;
};

/** Lists one inside the other. */
struct nest {
    struct list lists[6];
    struct list *innermost; /* NULL: all are closed */
};

static bool open_list(struct nest *nest, char closing, int protocol) {
    struct list *list = nest->innermost != NULL ? nest->innermost + 1 : nest->lists;
    if (list == nest->lists + sizeof(nest->lists) / sizeof(nest->lists[0]))
        return false;
    *list = (struct list){.outer = nest->innermost, .closing = closing};
    bzs_reply_init(&list->content);
    list->content.protocol = protocol;
    nest->innermost = list;
    return true;
}

/** Ends the innermost list and writes it where it belongs: into the one around it, or as the answer. */
static void close_list(struct nest *nest, struct bzs_reply *reply) {
    struct list *list = nest->innermost;
    struct bzs_reply *around = reply;
    if (list->outer != NULL) {
        around = &list->outer->content;
        bzs_reply_text(around, "arguments");
    }
    bzs_reply_array(around, list->count);
    bzs_reply_take(around, &list->content);
    nest->innermost = list->outer;
}

/** Reads one step: an argument, or the end of a list; false for what fits nowhere. */
static bool step(struct nest *nest, const char **text, int protocol) {
    struct argument argument;
    if (!read_argument(text, &argument))
        return false;
    write_argument(&argument, &nest->innermost->content);
    nest->innermost->count++;
    return argument.opening == 0 || open_list(nest, argument.opening == '(' ? ')' : '}', protocol);
}

bool bzs_document_write_arguments(const char *arguments, struct bzs_reply *reply) {
    struct nest nest = {.innermost = NULL};
    bool is_readable = open_list(&nest, '\0', reply->protocol);
    const char *text = arguments;
    while (is_readable && *text != '\0') {
        if (*text == ' ') {
            text++;
        } else if (*text == nest.innermost->closing) {
            close_list(&nest, reply);
            text++;
        } else {
            is_readable = step(&nest, &text, reply->protocol);
        }
    }
    is_readable = is_readable && nest.innermost != NULL && nest.innermost->outer == NULL;
    if (is_readable)
        close_list(&nest, reply);
    for (struct list *list = nest.innermost; list != NULL; list = list->outer)
        bzs_reply_deinit(&list->content);
    return is_readable;
}
