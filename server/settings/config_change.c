#include "config_change.h"

#include <stdlib.h>
#include <string.h>

#include "config_inert.h"

/** Copies the value of a changeable setting. Only kinds that a change can have need a case. */
static void copy_value(struct bzs_config *to, struct bzs_config *from, const struct bzs_setting *setting) {
    switch (setting->kind) {
    case BZS_SAVE:
        to->save_point_count = from->save_point_count;
        memcpy(to->save_points, from->save_points, sizeof(to->save_points));
        to->save_was_set = true;
        break;
    case BZS_LIMITS:
        for (size_t i = 0; i < BZS_OUTPUT_CLASSES; i++) {
            to->output_limits[i].hard = from->output_limits[i].hard;
            to->output_limits[i].soft = from->output_limits[i].soft;
            to->output_limits[i].seconds = from->output_limits[i].seconds;
        }
        break;
    case BZS_SECRET:
        to->password = from->password;
        to->has_password = from->has_password;
        break;
    default:
        *bzs_setting_number(to, setting) = *bzs_setting_number(from, setting);
    }
}

static enum bzs_change_result refuse(struct bzs_config_change *change, const char *why) {
    const struct bzs_config_place place = {.error = &change->error};
    bzs_config_refuse(&place, "%s", why);
    return BZS_CHANGE_REFUSED;
}

/** Settings without effect can be set to what they are, which some clients do; else the truth is better. */
static enum bzs_change_result check_inert(struct bzs_config_change *change, const struct bzs_inert *setting,
                                          const char *value) {
    const char *words[] = {value};
    if (setting->kind == BZS_INERT_REFUSED)
        return refuse(change, "can't set immutable config");
    if (setting->kind == BZS_INERT_PROTECTED)
        return refuse(change, "can't set protected config");
    bool same = bzs_inert_is_default(setting, 1, words);
    return same ? BZS_CHANGE_OK : refuse(change, "the setting has no effect in this server");
}

/** Notes the setting of one pair if it may be changed. */
static enum bzs_change_result note_setting(struct bzs_config_change *change,
                                           const struct bzs_setting *setting) {
    if (setting->change != BZS_CHANGES)
        return refuse(change, setting->change == BZS_FIXED ? "can't set immutable config"
                                                           : "can't set protected config");
    for (size_t i = 0; i < change->count; i++)
        if (change->settings[i] == setting)
            return refuse(change, "duplicate parameter");
    if (change->count == BZS_CHANGE_MAX)
        return refuse(change, "too many settings at once");
    if (setting->kind == BZS_LIMITS) /* classes that are not named stay as they are */
        copy_value(&change->staged, change->config, setting);
    change->settings[change->count++] = setting;
    return BZS_CHANGE_OK;
}

/** Splits the value where the setting takes a list, and applies it to the staged configuration. */
static enum bzs_change_result stage(struct bzs_config_change *change, const struct bzs_setting *setting,
                                    char *value) {
    const struct bzs_config_place place = {.error = &change->error};
    const char *words[BZS_CONFIG_WORDS_MAX] = {value};
    size_t count = 1;
    if (bzs_config_takes_list(setting->name)) {
        char *rest = NULL;
        count = 0;
        for (char *word = strtok_r(value, " ", &rest); word != NULL && count < BZS_CONFIG_WORDS_MAX;
             word = strtok_r(NULL, " ", &rest))
            words[count++] = word;
    }
    bool staged = bzs_config_apply_setting(&change->staged, setting, &place, count, words);
    return staged ? BZS_CHANGE_OK : BZS_CHANGE_REFUSED;
}

/** First step with a pair: is there such a setting, and may it be changed? */
static enum bzs_change_result check_name(struct bzs_config_change *change, const char *name,
                                         const char *value) {
    const struct bzs_setting *setting = bzs_setting_find(name);
    if (setting != NULL)
        return note_setting(change, setting);
    const struct bzs_inert *inert = bzs_inert_find(name);
    return inert != NULL ? check_inert(change, inert, value) : BZS_CHANGE_UNKNOWN;
}

/** Second step: is the value right? */
static enum bzs_change_result check_value(struct bzs_config_change *change, const char *name, char *value) {
    const struct bzs_setting *setting = bzs_setting_find(name);
    return setting != NULL ? stage(change, setting, value) : BZS_CHANGE_OK;
}

enum step { STEP_NAME, STEP_VALUE, STEP_COUNT };

/** Takes one step with one pair. */
static enum bzs_change_result check_pair(struct bzs_config_change *change, const struct bzs_slice pair[2],
                                         enum step step) {
    char *name = strndup(pair[0].data, pair[0].size);
    char *value = strndup(pair[1].data, pair[1].size);
    enum bzs_change_result result = BZS_CHANGE_NO_MEMORY;
    if (name != NULL && value != NULL && strlen(value) != pair[1].size)
        result = refuse(change, "a zero byte cannot be part of a setting");
    else if (name != NULL && value != NULL)
        result = step == STEP_NAME ? check_name(change, name, value) : check_value(change, name, value);
    if (value != NULL)
        explicit_bzero(value, strlen(value));
    free(name);
    free(value);
    return result;
}

/** Each step with all pairs before the next one: so the same pair is blamed as in Redis. */
enum bzs_change_result bzs_config_change_begin(struct bzs_config_change *change, struct bzs_config *config,
                                               size_t count, const struct bzs_slice pairs[]) {
    enum bzs_change_result result = BZS_CHANGE_OK;
    change->config = config;
    change->count = 0;
    if (!bzs_config_init(&change->staged))
        return BZS_CHANGE_NO_MEMORY;
    for (unsigned step = 0; step < STEP_COUNT && result == BZS_CHANGE_OK; step++) {
        for (size_t i = 0; i < count && result == BZS_CHANGE_OK; i++) {
            change->failed = i;
            result = check_pair(change, &pairs[2 * i], (enum step)step);
        }
    }
    return result;
}

bool bzs_config_change_has(const struct bzs_config_change *change, const char *name) {
    for (size_t i = 0; i < change->count; i++)
        if (strcmp(change->settings[i]->name, name) == 0)
            return true;
    return false;
}

void bzs_config_change_commit(struct bzs_config_change *change) {
    pthread_mutex_lock(&change->config->mutex);
    for (size_t i = 0; i < change->count; i++) {
        copy_value(change->config, &change->staged, change->settings[i]);
        change->config->password_was_changed |= change->settings[i]->kind == BZS_SECRET;
    }
    pthread_mutex_unlock(&change->config->mutex);
}

void bzs_config_change_end(struct bzs_config_change *change) {
    bzs_config_deinit(&change->staged);
}
