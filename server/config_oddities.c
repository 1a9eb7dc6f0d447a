#include "config_oddities.h"

#include "config_inert.h"

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
    if (config->password_is_exposed)
        bzs_say(messages, BZS_WARNING,
                "every user of this machine can read the password in the configuration file: give it the "
                "mode 600");
}
