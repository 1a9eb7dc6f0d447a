#include "mem_env_mutant.h"

#include <stdlib.h>
#include <string.h>

#include <execinfo.h>
#include <link.h>

#include <blitzdb/blitzdb.h>

#include "mem_env_internal.h"

enum { STACK_MAX = 32 };

static struct {
    bool is_watching;
    struct mem_site sites[MEM_SITES_MAX];
    size_t count;
    struct mem_mutant mutant;
    uint64_t hits;
} state;

void mem_mutant_watch(void) {
    state.is_watching = true;
}

void mem_mutant_set(struct mem_mutant mutant) {
    state.mutant = mutant;
    state.hits = 0;
}

size_t mem_mutant_site_count(void) {
    return state.count;
}

const struct mem_site *mem_mutant_site(size_t index) {
    return &state.sites[index];
}

uint64_t mem_mutant_hits(void) {
    return state.hits;
}

/** Where the shared library is. */
static struct {
    uintptr_t base;
    uintptr_t end;
} library;

/** Finds the object that holds a function of the library; one of dl_iterate_phdr()'s. */
static int find_library(struct dl_phdr_info *info, size_t size, void *unused) {
    (void)size;
    (void)unused;
    uintptr_t wanted = (uintptr_t)blitzdb_open;
    uintptr_t end = info->dlpi_addr;
    for (size_t i = 0; i < info->dlpi_phnum; i++)
        if (info->dlpi_phdr[i].p_type == PT_LOAD)
            end = info->dlpi_addr + info->dlpi_phdr[i].p_vaddr + info->dlpi_phdr[i].p_memsz;
    if (wanted < info->dlpi_addr || wanted >= end)
        return 0;
    library.base = info->dlpi_addr;
    library.end = end;
    return 1;
}

/** Tells how the call was reached. */
static struct mem_site here(enum mem_env_call call) {
    void *stack[STACK_MAX];
    struct mem_site site = {.call = call};
    size_t size = (size_t)backtrace(stack, STACK_MAX);
    if (library.end == 0)
        (void)dl_iterate_phdr(find_library, NULL);
    for (size_t i = 0; i < size && site.depth < MEM_SITE_DEPTH; i++) {
        uintptr_t address = (uintptr_t)stack[i];
        if (address >= library.base && address < library.end)
            site.frames[site.depth++] = (void *)(address - library.base);
        else if (site.depth > 0)
            break;
    }
    return site;
}

static size_t find_site(const struct mem_site *site) {
    for (size_t i = 0; i < state.count; i++) {
        const struct mem_site *known = &state.sites[i];
        if (known->call == site->call && known->depth == site->depth &&
            memcmp(known->frames, site->frames, site->depth * sizeof(site->frames[0])) == 0)
            return i;
    }
    if (state.count == MEM_SITES_MAX)
        abort();
    state.sites[state.count] = *site;
    return state.count++;
}

/** Calls that may be left out or made later. */
static bool is_candidate(enum mem_env_call call) {
    return call == MEM_CALL_WRITE || call == MEM_CALL_TRUNCATE || call == MEM_CALL_SYNC ||
           call == MEM_CALL_RENAME || call == MEM_CALL_SYNC_DIR;
}

void mem_mutant_enter(struct mem_env *env, enum mem_env_call call) {
    if (!state.is_watching)
        return;
    if (env->postponed.is_due)
        mem_postponed_make(env);
    bool is_change = mem_call_matches(call, MEM_CALL_ANY_CHANGE);
    /* Not followed by the kind that is asked for: nothing is swapped. Or after the last of several removals.
     */
    if (env->postponed.is_waiting && is_change && call != state.mutant.other &&
        (env->postponed.is_met || state.mutant.kind == MEM_MUTANT_SWAPPED))
        mem_postponed_make(env);
    env->is_candidate = is_candidate(call);
    if (env->is_candidate) {
        struct mem_site site = here(call);
        env->site = find_site(&site);
    }
}

void mem_mutant_made(struct mem_env *env, enum mem_env_call call, size_t node) {
    if (!state.is_watching || !mem_call_matches(call, MEM_CALL_ANY_CHANGE))
        return;
    bool is_same_file = (call != MEM_CALL_SYNC && call != MEM_CALL_REMOVE) || env->last_node == node;
    if (env->has_last_site && is_same_file)
        state.sites[env->last_site].followed_by |= 1U << call;
    env->has_last_site = env->is_candidate;
    env->last_site = env->site;
    env->last_node = node;
    /* What waits since an earlier call is due now; what waits since this one is not. */
    if (env->postponed.is_waiting && !env->postponed.is_new && call == state.mutant.other) {
        env->postponed.is_met = true;
        env->postponed.is_due = call != MEM_CALL_REMOVE;
    }
    env->postponed.is_new = false;
}

bool mem_mutant_takes(struct mem_env *env) {
    const struct mem_mutant *mutant = &state.mutant;
    if (!state.is_watching || mutant->kind == MEM_MUTANT_NONE || !env->is_candidate ||
        env->site != mutant->site || env->postponed.is_waiting)
        return false;
    state.hits++;
    return true;
}

bool mem_mutant_leaves_out(void) {
    return state.mutant.kind == MEM_MUTANT_LEFT_OUT;
}
