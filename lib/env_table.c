#include "env_table.h"

#include <string.h>

blitzdb_status bzd_env_complete(const blitzdb_env *given, blitzdb_env *env_out) {
    const blitzdb_env *defaults = blitzdb_env_default();
    blitzdb_env env = *defaults;
    if (given != NULL) {
        if (given->struct_size < offsetof(blitzdb_env, alloc) || given->struct_size > sizeof env)
            return BLITZDB_INVALID;
        memcpy(&env, given, given->struct_size);
    }
#define TAKE_DEFAULT(member) env.member = env.member != NULL ? env.member : defaults->member
    TAKE_DEFAULT(alloc);
    TAKE_DEFAULT(realloc);
    TAKE_DEFAULT(free);
    TAKE_DEFAULT(map);
    TAKE_DEFAULT(unmap);
    TAKE_DEFAULT(discard);
    TAKE_DEFAULT(now_ms);
    TAKE_DEFAULT(monotonic_ns);
    TAKE_DEFAULT(random);
    TAKE_DEFAULT(open);
    TAKE_DEFAULT(close);
    TAKE_DEFAULT(read_at);
    TAKE_DEFAULT(write_at);
    TAKE_DEFAULT(truncate);
    TAKE_DEFAULT(sync);
    TAKE_DEFAULT(file_size);
    if (env.open == defaults->open) /* a simulated disk has no use for the real working directory */
        TAKE_DEFAULT(absolute_path);
    TAKE_DEFAULT(rename);
    TAKE_DEFAULT(remove);
    TAKE_DEFAULT(sync_dir);
    TAKE_DEFAULT(make_dir);
    TAKE_DEFAULT(list_dir);
    TAKE_DEFAULT(lock);
    TAKE_DEFAULT(unlock);
    if (env.monotonic_ns == defaults->monotonic_ns) /* nor has a simulated clock for real times */
        TAKE_DEFAULT(cpu_ns);
#undef TAKE_DEFAULT
    *env_out = env;
    return BLITZDB_OK;
}
