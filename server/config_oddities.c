#include "config_oddities.h"

#include <unistd.h>

#include "config_inert.h"

/** True if the directory has an entry of this name. */
static bool has_entry(const char *dir, const char *name) {
    char path[BZS_CONFIG_VALUE_SIZE];
    int size = snprintf(path, sizeof(path), "%s/%s", dir, name);
    return size > 0 && (size_t)size < sizeof(path) && access(path, F_OK) == 0;
}

/** Who starts this server in the directory of his Redis sees an empty database: he shall know why. */
static void say_foreign_data(const struct bzs_config *config, const struct bzs_messages *messages) {
    static const char *const names[] = {"dump.rdb", "appendonlydir", "appendonly.aof"};
    if (config->dir == NULL || has_entry(config->dir, "MANIFEST"))
        return;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (has_entry(config->dir, names[i]))
            bzs_say(messages, BZS_WARNING,
                    "%s/%s is of Redis and is not read: the database is new and empty. "
                    "docs/compatibility.md, \"Moving from Redis\", tells how to bring the data over",
                    config->dir, names[i]);
}

void bzs_config_say_oddities(const struct bzs_config *config, const struct bzs_messages *messages) {
    char names[4000] = "";
    size_t used = 0;
    for (size_t i = 0; i < bzs_inert_count && used < sizeof(names); i++) {
        if (config->inert_was_set[i])
            used += (size_t)snprintf(names + used, sizeof(names) - used, "%s%s", used > 0 ? ", " : "",
                                     bzs_inert_settings[i].name);
    }
    if (used > 0)
        bzs_say(messages, BZS_NOTICE, "settings of Redis without effect in this server: %s", names);
    say_foreign_data(config, messages);
    if (config->password_is_exposed)
        bzs_say(messages, BZS_WARNING,
                "every user of this machine can read the password, or its hash, in the configuration file: "
                "give it the mode 600");
}
