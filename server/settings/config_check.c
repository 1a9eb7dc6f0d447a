#include "config_check.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

/** Takes the address with a port that the system chooses, and gives it back at once; 0, or errno. */
static int try_address(const struct addrinfo *address) {
    int fd = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return errno;
    int found = bind(fd, address->ai_addr, address->ai_addrlen) == 0 ? 0 : errno;
    close(fd);
    return found;
}

/** Checks one address; one with a minus in front may be missing. */
static void check_address(const char *setting, const char *word, const struct bzs_config_place *place) {
    const char *node = strcmp(word, "*") == 0 ? "0.0.0.0" : strcmp(word, "::*") == 0 ? "::" : word;
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE};
    struct addrinfo *found = NULL;
    if (word[0] == '-')
        return;
    int resolved = getaddrinfo(node, "0", &hints, &found);
    int why = EADDRNOTAVAIL;
    for (const struct addrinfo *address = found; why != 0 && address != NULL; address = address->ai_next)
        why = try_address(address);
    if (resolved == 0)
        freeaddrinfo(found);
    if (resolved == 0 && why == 0)
        return;
    bzs_config_refuse(place, "'%s': %s: %s", setting, word,
                      resolved != 0 ? gai_strerror(resolved) : strerror(why));
    bzs_config_goes_on(place);
}

/** Service managers make folders there when they start a service, and remove them at its end. */
static bool is_made_at_start(const char *path) {
    return strncmp(path, "/run/", 5) == 0 || strncmp(path, "/var/run/", 9) == 0;
}

/** Checks the folder that a file shall be in. */
static void check_folder(const char *setting, const char *path, const struct bzs_config_place *place) {
    char folder[BZS_CONFIG_VALUE_SIZE];
    struct stat status;
    const char *slash = path != NULL ? strrchr(path, '/') : NULL;
    if (slash == NULL || is_made_at_start(path)) /* in the working directory, or none */
        return;
    snprintf(folder, sizeof(folder), "%.*s", slash > path ? (int)(slash - path) : 1, path);
    errno = 0;
    if (stat(folder, &status) == 0 && S_ISDIR(status.st_mode))
        return;
    bzs_config_refuse(place, "'%s': the folder %s: %s", setting, folder,
                      strerror(errno != 0 ? errno : ENOTDIR));
    bzs_config_goes_on(place);
}

void bzs_config_check(const struct bzs_config *config, const struct bzs_config_place *place) {
    char words[BZS_CONFIG_VALUE_SIZE];
    char *rest = NULL;
    snprintf(words, sizeof(words), "%s", config->bind != NULL ? config->bind : "");
    for (char *word = strtok_r(words, " \t", &rest); word != NULL; word = strtok_r(NULL, " \t", &rest))
        check_address("bind", word, place);
    if (config->http_port != 0 && config->http_bind != NULL)
        check_address("http-bind", config->http_bind, place);
    check_folder("logfile", config->logfile, place);
    check_folder("unixsocket", config->unixsocket, place);
}
