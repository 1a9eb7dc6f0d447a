/**
 * @file
 * @brief The inside of the simulated environment, shared by the files mem_env*.c only.
 *
 * Files and directories are nodes, named by their index, so that a file keeps its identity across renames and
 * after its removal. Names are a flat list of (directory, name) -> node, once as reads see them and once as
 * the disk has them for certain. The journal holds what is pending, oldest first. Every function here needs
 * the mutex of the environment to be held.
 */
#ifndef BLITZDB_TESTS_MEM_ENV_INTERNAL_H
#define BLITZDB_TESTS_MEM_ENV_INTERNAL_H

#include <pthread.h>

#include "mem_env.h"
#include "rng.h"

/** Longest name of a directory entry, the terminating zero included. */
#define MEM_NAME_MAX 128
/** Longest path. */
#define MEM_PATH_MAX 512
/** The root directory. */
#define MEM_ROOT ((size_t)0)
/** No such node. */
#define MEM_NO_NODE SIZE_MAX
/** What a disk writes at once. */
#define MEM_SECTOR ((uint64_t)512)

/** Bytes that grow. */
struct mem_bytes {
    uint8_t *data;
    size_t size;
    size_t capacity;
};

/** A file or a directory. */
struct mem_node {
    bool is_dir;
    bool is_locked;
    size_t handles;
    struct mem_bytes live;
    struct mem_bytes durable;
};

/** A directory entry. */
struct mem_name {
    size_t dir;
    size_t node;
    char text[MEM_NAME_MAX];
};

/** A list of directory entries. */
struct mem_names {
    struct mem_name *items;
    size_t count;
    size_t capacity;
};

enum mem_op_kind {
    MEM_OP_WRITE,
    MEM_OP_TRUNCATE,
    MEM_OP_LINK, /**< a file or directory was created */
    MEM_OP_RENAME,
    MEM_OP_REMOVE,
};

/** A pending operation. */
struct mem_op {
    enum mem_op_kind kind;
    bool is_lost;            /**< a sync of it failed: no later one makes it durable */
    size_t node;             /**< the file, or what the name stands for */
    size_t dir;              /**< for names */
    uint64_t offset;         /**< of a write; the new size of a truncate */
    uint8_t *data;           /**< of a write; owned */
    size_t size;             /**< of `data` */
    char name[MEM_NAME_MAX]; /**< for names; the old one of a rename */
    char to[MEM_NAME_MAX];   /**< new name of a rename */
};

/** Where a path leads: the directory that holds its last name, and that name. */
struct mem_place {
    size_t dir;
    char name[MEM_NAME_MAX]; /**< empty: the root itself */
};

/** An open file. */
struct blitzdb_file {
    size_t node;
    bool is_writable;
    char path[MEM_PATH_MAX];
};

/** A changing call that was found possible and is to be made. */
struct mem_action {
    enum mem_env_call call; /**< write, truncate, sync, rename or sync_dir */
    size_t node;            /**< the file, or the directory of a sync_dir */
    struct mem_place place; /**< old name of a rename */
    char to[MEM_NAME_MAX];  /**< new name of a rename */
    uint64_t offset;        /**< of a write; the new size of a truncate */
    const uint8_t *data;    /**< of a write */
    size_t size;            /**< of `data` */
};

/** The call that a mutant makes later than the library asked for. */
struct mem_postponed {
    bool is_waiting;
    bool is_new; /**< the present call is the one that is postponed */
    bool is_met; /**< the call that should have followed was made */
    bool is_due; /**< the call that should have followed was made: now, before the next one */
    struct mem_action action;
    uint8_t *data; /**< of a write; owned */
};

/** One call in the trace. */
struct mem_trace_item {
    enum mem_env_call call;
    char path[MEM_PATH_MAX];
};

struct mem_env {
    blitzdb_env table;
    pthread_mutex_t mutex;
    struct rng rng;
    int64_t now_ms;
    uint64_t monotonic_ns;

    struct mem_node *nodes;
    size_t node_count;
    size_t node_capacity;
    struct mem_names live;
    struct mem_names durable;
    struct mem_op *journal;
    size_t journal_count;
    size_t journal_capacity;
    size_t open_files;

    uint64_t calls[MEM_CALL_KINDS];
    int64_t live_memory;
    bool is_armed;
    struct mem_env_fault fault;
    uint64_t fault_seen; /**< calls of the kind since the fault was armed */
    uint64_t fault_count;
    struct mem_trace_item fault_hit;
    uint64_t crash_countdown; /**< changing calls until the power fails, that one included; 0: never */
    bool is_crashed;
    mem_env_before_fn before_change;
    void *before_change_user;

    bool is_candidate;  /**< the present call is one that a mutant may take */
    size_t site;        /**< of the present call */
    bool has_last_site; /**< the last change was one that a mutant may take */
    size_t last_site;
    size_t last_node;
    struct mem_postponed postponed;

    bool is_tracing;
    struct mem_trace_item *trace;
    size_t trace_count;
    size_t trace_capacity;
};

/** Memory for the simulation itself, not counted; ends the program when there is none. */
void *mem_resize(void *memory, size_t size);

/** Grows an array of items of `item_size` so that one more fits. */
void *mem_reserve(void *items, size_t count, size_t *capacity, size_t item_size);

/** Counts and traces a call; answers the error it must fail with, or 0. `path` is NULL for memory calls. */
int mem_check_call(struct mem_env *env, enum mem_env_call call, const char *path);

/** Maps memory, or takes a kept mapping. */
void *mem_mapping_take(size_t size, size_t alignment, unsigned flags);

/** Keeps a mapping or gives it back to the system. */
void mem_mapping_give(void *memory, size_t size);

/** Whether a call belongs to a kind or group. */
bool mem_call_matches(enum mem_env_call call, enum mem_env_call group);

void mem_bytes_resize(struct mem_bytes *bytes, size_t size);
void mem_bytes_write(struct mem_bytes *bytes, const uint8_t *data, size_t size, uint64_t offset);

size_t mem_node_add(struct mem_env *env, bool is_dir);
size_t mem_names_find(const struct mem_names *names, size_t dir, const char *text);
void mem_names_set(struct mem_names *names, size_t dir, const char *text, size_t node);
void mem_names_remove(struct mem_names *names, size_t dir, const char *text);

/** Whether the operation is about names, not contents. */
bool mem_op_is_name(const struct mem_op *op);

/** Applies an operation on names to a list of names. */
void mem_op_apply_name(const struct mem_op *op, struct mem_names *names);

/** Follows a path through the live names; answers ENOENT, ENOTDIR or ENAMETOOLONG if that is not possible. */
int mem_place_find(const struct mem_env *env, const char *path, struct mem_place *place_out);

/** What stands at a place, or ::MEM_NO_NODE. */
size_t mem_place_node(const struct mem_env *env, const struct mem_place *place);

/** Notes an operation on contents; the caller fills in the rest. */
struct mem_op *mem_journal_add(struct mem_env *env, enum mem_op_kind kind, size_t node);

/** Notes an operation on names and applies it to the live ones. */
void mem_journal_add_name(struct mem_env *env, enum mem_op_kind kind, const struct mem_place *place,
                          size_t node, const char *to);

/** Makes the pending operations on the contents of a file, or on the names in a directory, durable. */
void mem_journal_commit(struct mem_env *env, size_t node);

/** Marks the pending operations on the contents of a file: no later sync makes them durable. */
void mem_journal_lose(struct mem_env *env, size_t node);

/** Releases the contents of files that nothing can bring back, so that long runs stay small. */
void mem_collect_garbage(struct mem_env *env);

/** What becomes of one pending operation. */
enum mem_fate {
    MEM_FATE_DROPPED,
    MEM_FATE_APPLIED,
    MEM_FATE_PREFIX,  /**< of a write: the bytes before `cut` */
    MEM_FATE_SUFFIX,  /**< of a write: the bytes from `cut` on */
    MEM_FATE_SECTORS, /**< of a write: sectors at random */
};

/** A choice of the pending operations: one image. */
struct mem_plan {
    enum mem_fate *fates; /**< one per operation */
    bool *grows;          /**< one per node: the file has its new size, whatever was written of it */
    size_t cut;           /**< for the torn write, in bytes of its data */
    struct rng rng;
};

/** Chooses the operations of one image; `plan` comes with everything dropped. */
void mem_plan_make(const struct mem_env *env, enum mem_env_damage damage, uint64_t index,
                   struct mem_plan *plan);

/** Makes a call. */
void mem_action_make(struct mem_env *env, const struct mem_action *action);

/** Makes the postponed call now. */
void mem_postponed_make(struct mem_env *env);

/** Notes the site of a call that begins, and makes the postponed one if its time has come. */
void mem_mutant_enter(struct mem_env *env, enum mem_env_call call);

/** Notes that a call has changed something: the file, or the directory for names. */
void mem_mutant_made(struct mem_env *env, enum mem_env_call call, size_t node);

/** Whether the mutant is about the call that has just begun. */
bool mem_mutant_takes(struct mem_env *env);

/** Whether what it takes is never made. */
bool mem_mutant_leaves_out(void);

/** Fills the file part of the table. */
void mem_fs_fill_table(blitzdb_env *table);

/** Releases nodes, names and journal. */
void mem_disk_deinit(struct mem_env *env);

#endif
