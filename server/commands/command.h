/**
 * @file
 * @brief The command table: name, arity, flags, keys and handler of every command, and the one way to run
 * them.
 *
 * Life of a command: `resp` cuts it from the input into argument slices, bzs_command_run() looks the name up
 * in the table, checks arity and authentication and calls the handler, and the handler decodes its arguments,
 * calls the public API of BlitzDB and writes one reply. Whether there is memory, and whether the log can be
 * written, the library checks: bzs_reply_status() puts its answer into the words of Redis. Handlers are a few
 * lines; they stand by family in command_FAMILY.c, and what those about data share in command_data.c. What is
 * told about commands beside their rows stands in document.h.
 */
#ifndef BLITZDB_SERVER_COMMAND_H
#define BLITZDB_SERVER_COMMAND_H

#include <stdint.h>

#include <blitzdb/blitzdb.h>

#include "decimal.h"
#include "reply.h"

struct bzs_client;
struct bzs_server;
struct bzs_command;

/** One command being run; borrowed for the call of its handler. */
struct bzs_call {
    struct bzs_server *server;
    struct bzs_client *client;
    const struct bzs_command *command;
    blitzdb *db;                  /**< handle of the client's keyspace */
    size_t argc;                  /**< arguments, the command's name included */
    const struct bzs_slice *argv; /**< the arguments, borrowed from the input or a queue */
    struct bzs_reply *reply;      /**< where the answer goes */
};

/** Runs one command and writes exactly one reply. */
typedef void (*bzs_handler)(struct bzs_call *call);

/** Flags as COMMAND INFO names them. */
enum bzs_command_flags {
    BZS_WRITE = 1,                 /**< "write": its answer waits for the log */
    BZS_READONLY = 2,              /**< "readonly" */
    BZS_DENYOOM = 4,               /**< "denyoom": may grow the data set */
    BZS_FAST = 8,                  /**< "fast" */
    BZS_ADMIN = 16,                /**< "admin" */
    BZS_NOAUTH = 32,               /**< "no_auth": allowed before AUTH */
    BZS_LOADING = 64,              /**< "loading" */
    BZS_STALE = 128,               /**< "stale" */
    BZS_NOSCRIPT = 256,            /**< "noscript" */
    BZS_NO_ASYNC_LOADING = 512,    /**< "no_async_loading" */
    BZS_ALLOW_BUSY = 1024,         /**< "allow_busy" */
    BZS_NO_MULTI = 2048,           /**< "no_multi": not in a transaction */
    BZS_SKIP_SLOWLOG = 4096,       /**< "skip_slowlog": what it runs is looked at, not it */
    BZS_SKIP_MONITOR = 8192,       /**< "skip_monitor": MONITOR shows what it runs, not it */
    BZS_NO_MANDATORY_KEYS = 16384, /**< "no_mandatory_keys": may be called without keys */
    BZS_MOVABLE_KEYS = 32768,      /**< "movablekeys": where the keys are, its arguments tell */
    BZS_PUBSUB = 1 << 21,          /**< "pubsub" */

    /* Not shown */
    BZS_NOT_QUEUED = 1 << 22, /**< runs at once in a transaction, too */
    BZS_MORE_KEYS = 1 << 23,  /**< is about keys that the table does not tell, or in another keyspace */

    /* Not shown; command.c finds them out when it fills the catalog. */
    BZS_QUICK = 1 << 24,   /**< its work does not depend on its arguments: timed together with others */
    BZS_PRIVATE = 1 << 25, /**< its arguments may be passwords: they are shown to nobody */
};

/** One row of the table. Subcommands are rows of their own, in a table of their parent, named "parent|child".
 */
struct bzs_command {
    const char *name; /**< lower case */
    bzs_handler handler;
    int arity;                         /**< number of arguments with the name; negative: at least that many */
    unsigned flags;                    /**< ::bzs_command_flags */
    int first_key, last_key, key_step; /**< positions of the keys, 0 if none; negative last: from the end */
    const struct bzs_command *subcommands; /**< ends with a row without name; NULL: none */
    const char *group;   /**< of the documentation: "string", "generic", "connection", "server" */
    const char *since;   /**< Redis version that brought it; for what Redis does not have, ours */
    const char *summary; /**< one line, our own words */
};

/** Family tables, each ending with a row without name; command.c joins them into the look-up. */
extern const struct bzs_command bzs_commands_string[];
extern const struct bzs_command bzs_commands_range[];
extern const struct bzs_command bzs_commands_number[];
extern const struct bzs_command bzs_commands_bitmap[];
extern const struct bzs_command bzs_commands_bitfield[];
extern const struct bzs_command bzs_commands_lcs[];
extern const struct bzs_command bzs_commands_dump[];
extern const struct bzs_command bzs_commands_sort[];
extern const struct bzs_command bzs_commands_key[];
extern const struct bzs_command bzs_commands_scan[];
extern const struct bzs_command bzs_commands_expire[];
extern const struct bzs_command bzs_commands_keyspace[];
extern const struct bzs_command bzs_commands_login[];
extern const struct bzs_command bzs_commands_connection[];
extern const struct bzs_command bzs_commands_client[];
extern const struct bzs_command bzs_commands_pubsub[];
extern const struct bzs_command bzs_commands_wait[];
extern const struct bzs_command bzs_commands_catalog[];
extern const struct bzs_command bzs_commands_server[];
extern const struct bzs_command bzs_commands_config[];
extern const struct bzs_command bzs_commands_info[];
extern const struct bzs_command bzs_commands_slowlog[];
extern const struct bzs_command bzs_commands_latency[];
extern const struct bzs_command bzs_commands_scripting[];
extern const struct bzs_command bzs_commands_cluster[];
extern const struct bzs_command bzs_commands_acl[];
extern const struct bzs_command bzs_commands_debug[];
extern const struct bzs_command bzs_commands_object[];
extern const struct bzs_command bzs_commands_memory[];
extern const struct bzs_command bzs_commands_multi[];

/** Runs one parsed command of a client: look-up, checks, handler. Writes exactly one reply. */
void bzs_command_run(struct bzs_call *call);

/**
 * Runs a command that was looked up and checked, and accounts for it: what was queued goes this way, too. The
 * arguments are needed for the call only.
 */
void bzs_command_execute(struct bzs_call *call);

/** Finds a command by name, case-insensitively; NULL if there is none. Constant time. */
const struct bzs_command *bzs_command_find(struct bzs_slice name);
/** Finds a command, or with a name like "client|id" a subcommand; NULL if there is none. */
const struct bzs_command *bzs_command_find_full(struct bzs_slice full_name);
/** Finds a subcommand of a command that has some; NULL if there is none with this name. */
const struct bzs_command *bzs_command_find_child(const struct bzs_command *parent, struct bzs_slice name);

/** The catalog's rows: each command followed by its subcommands. There is room for so many. */
enum { BZS_COMMAND_ROWS_MAX = 448 };
extern struct bzs_command bzs_command_rows[BZS_COMMAND_ROWS_MAX];

/** Index of a row of the catalog: what per-command numbers are kept by. */
static inline size_t bzs_command_id(const struct bzs_command *command) {
    return (size_t)(command - bzs_command_rows);
}

/** True if a command may be called with so many arguments, its name included. */
static inline bool bzs_command_fits_arity(const struct bzs_command *command, size_t argc) {
    return command->arity >= 0 ? argc == (size_t)command->arity : argc >= (size_t)-command->arity;
}

/** Position of the last key that the row tells of; it may lie behind the arguments. */
static inline size_t bzs_command_last_key(const struct bzs_command *command, size_t argc) {
    return command->last_key >= 0 ? (size_t)command->last_key : argc - (size_t)-command->last_key;
}

/**
 * Makes a command listen to another name only, in lower case and borrowed for good, or to none if that is
 * empty: what the setting rename-command asks for. Only before the loops start.
 * @return NULL, or why it cannot be done.
 */
const char *bzs_command_rename(const char *from, const char *to);
/** Number of commands, subcommands not counted. */
size_t bzs_command_count(void);
/** The commands one after the other, family by family. */
const struct bzs_command *bzs_command_at(size_t index);

/* Helpers shared by the handlers (command_args.c). Those that answer false have written the error reply. */

/** Writes the reply for a failed status: "ERR ..." or the Redis text where Redis has one (OOM, MISCONF). */
void bzs_reply_status(struct bzs_call *call, blitzdb_status status);
/** The lower-case form of an ASCII letter, whatever the locale; anything else as it is. */
static inline char bzs_lower(char c) {
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}
/** How much of an argument an error reply shows, at most: the precision of a "%.*s". */
static inline int bzs_shown_size(struct bzs_slice argument) {
    return argument.size < 128 ? (int)argument.size : 128;
}
/** True if the argument is this word, case-insensitively. */
bool bzs_arg_is(struct bzs_slice argument, const char *word);
/** As bzs_parse_integer(), with `-ERR value is not an integer or out of range` on failure. */
bool bzs_arg_integer(struct bzs_call *call, size_t index, int64_t *number_out);
/** Reads the number of a keyspace; false: the error reply, `-ERR DB index is out of range` or so, is written.
 */
bool bzs_arg_keyspace(struct bzs_call *call, size_t index, unsigned *keyspace_out);
/** `-ERR wrong number of arguments for '...' command`, for what the arity in the table cannot say. */
void bzs_reply_arity_error(struct bzs_call *call);
/** `-ERR unknown subcommand or wrong number of arguments for '...'. Try ... HELP.`, said by subcommands. */
void bzs_reply_subcommand_error(struct bzs_call *call);
/** Answer to a HELP subcommand: pairs of usage and explanation, ending with NULL. */
void bzs_reply_help(struct bzs_call *call, const char *const lines[]);
/** `-ERR syntax error`. */
void bzs_reply_syntax_error(struct bzs_call *call);
/** What a client with a bad name is told. */
#define BZS_BAD_NAME "ERR Client names cannot contain spaces, newlines or special characters."
/** True if CLIENT LIST may show this as a name. */
bool bzs_name_is_valid(struct bzs_slice name);
/** Sets the name that CLIENT LIST shows; false: the error reply has been written. */
bool bzs_arg_set_name(struct bzs_call *call, struct bzs_slice name);
/** Unix time in milliseconds; read once per batch of commands. */
int64_t bzs_call_now_ms(const struct bzs_call *call);
/** True if the text matches a glob as in Redis (`*`, `?`, `[a-z]`, `[^x]`, `\\`), case-insensitively. */
bool bzs_glob_matches(struct bzs_slice pattern, struct bzs_slice text);
/** Counts a look-up for reading that found its key (`keyspace_hits` of INFO). */
void bzs_call_hit(const struct bzs_call *call);
/** Counts a look-up for reading that found no key (`keyspace_misses` of INFO). */
void bzs_call_miss(const struct bzs_call *call);

#endif
