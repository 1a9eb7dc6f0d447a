#include "service.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/** Connects to a path, or to an abstract name, which is written with an @ in front. */
static int connect_to(const char *path) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t size = strlen(path);
    if ((path[0] != '/' && path[0] != '@') || size < 2 || size >= sizeof(address.sun_path))
        return -1;
    memcpy(address.sun_path, path, size);
    bool is_abstract = path[0] == '@';
    if (is_abstract)
        address.sun_path[0] = '\0';
    socklen_t length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + size + (is_abstract ? 0 : 1));
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && connect(fd, (const struct sockaddr *)&address, length) != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

/** The interval of the watchdog, if it is meant for this process. */
static int64_t read_watchdog_ms(void) {
    const char *interval_us = getenv("WATCHDOG_USEC");
    const char *pid = getenv("WATCHDOG_PID");
    if (interval_us == NULL || (pid != NULL && strtol(pid, NULL, 10) != (long)getpid()))
        return 0;
    long long us = strtoll(interval_us, NULL, 10);
    return us > 0 ? us / 1000 : 0;
}

void bzs_service_open(struct bzs_service *service) {
    const char *path = getenv("NOTIFY_SOCKET");
    service->fd = path != NULL ? connect_to(path) : -1;
    service->watchdog_ms = service->fd >= 0 ? read_watchdog_ms() : 0;
}

void bzs_service_close(struct bzs_service *service) {
    if (service->fd >= 0)
        close(service->fd);
    service->fd = -1;
}

void bzs_service_tell(const struct bzs_service *service, const char *format, ...) {
    char lines[512];
    if (service->fd < 0)
        return;
    va_list arguments;
    va_start(arguments, format);
    int size = vsnprintf(lines, sizeof(lines), format, arguments);
    va_end(arguments);
    if (size <= 0 || (size_t)size >= sizeof(lines))
        return;
    ssize_t sent = send(service->fd, lines, (size_t)size, MSG_NOSIGNAL | MSG_DONTWAIT);
    (void)sent; /* a manager that does not listen is no reason to stop */
}
