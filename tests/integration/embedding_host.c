/* The library in a host that is not its own: loaded and unloaded again and again, in a locale with another
 * decimal point, with descriptors that must not reach another program, and in two processes at once. It
 * starts itself with other arguments where it takes another process.
 *
 * Arguments: the shared library. */
#include "embedding.h"

#include <dirent.h>
#include <dlfcn.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tmpdir.h"

#define expect embedding_expect

static unsigned cases;

/** Runs a program and returns its exit status. */
static int run(const char *const arguments[]) {
    int status = -1;
    pid_t child = fork();
    expect(child >= 0, "fork");
    if (child == 0) {
        execvp(arguments[0], (char *const *)arguments);
        _exit(127);
    }
    expect(waitpid(child, &status, 0) == child && WIFEXITED(status), "wait for a program");
    return WEXITSTATUS(status);
}

static int count_descriptors(void) {
    int count = 0;
    DIR *listing = opendir("/proc/self/fd");
    expect(listing != NULL, "list the descriptors");
    for (struct dirent *entry = readdir(listing); entry != NULL; entry = readdir(listing))
        count += entry->d_name[0] != '.';
    (void)closedir(listing);
    return count;
}

static int count_mappings(void) {
    int count = 0;
    FILE *maps = fopen("/proc/self/maps", "r");
    expect(maps != NULL, "list the mappings");
    for (int c = getc(maps); c != EOF; c = getc(maps))
        count += c == '\n';
    (void)fclose(maps);
    return count;
}

static long resident_kb(void) {
    long pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    expect(file != NULL && fscanf(file, "%*d %ld", &pages) == 1, "read the memory's size");
    (void)fclose(file);
    return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

/** The address of a function in a library, as a function. */
static void find(void *library, const char *name, void *function_out) {
    void *address = dlsym(library, name);
    expect(address != NULL, name);
    memcpy(function_out, &address, sizeof(address));
}

/** Loads the library, uses a database with a thread, and unloads it. */
static void load_and_unload(const char *path) {
    blitzdb_status (*open_fn)(const char *, const blitzdb_options *, blitzdb **);
    blitzdb_status (*set_fn)(blitzdb *, const void *, size_t, const void *, size_t);
    blitzdb_status (*close_fn)(blitzdb *);
    blitzdb_options options = BLITZDB_OPTIONS_INIT;
    blitzdb *db = NULL;
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    expect(library != NULL, "load the library");
    find(library, "blitzdb_open", &open_fn);
    find(library, "blitzdb_set", &set_fn);
    find(library, "blitzdb_close", &close_fn);
    options.background = BLITZDB_BACKGROUND_THREAD;
    expect(open_fn(NULL, &options, &db) == BLITZDB_OK, "open in a loaded library");
    expect(set_fn(db, "k", 1, "v", 1) == BLITZDB_OK, "set in a loaded library");
    expect(close_fn(db) == BLITZDB_OK, "close in a loaded library");
    expect(dlclose(library) == 0, "unload the library");
    expect(dlopen(path, RTLD_NOW | RTLD_NOLOAD) == NULL, "it is gone");
}

static void test_unloading(const char *path) {
    for (unsigned i = 0; i < 100; i++)
        load_and_unload(path); /* the C library and the sanitizers take what they keep */
    int descriptors = count_descriptors();
    int mappings = count_mappings();
    long resident = resident_kb();
    for (unsigned i = 0; i < 1000; i++)
        load_and_unload(path);
    expect(count_descriptors() == descriptors, "no descriptor is left");
    cases++;
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
    expect(count_mappings() <= mappings + 2, "no mapping is left");
    expect(resident_kb() <= resident + 512, "no memory is left");
#else
    (void)mappings; /* a sanitizer keeps memory for what it has seen */
    (void)resident;
#endif
    cases++;
}

static void check_double(blitzdb *db, double delta, const char *wanted) {
    char text[64] = {0};
    size_t size = 0;
    double result = 0;
    expect(blitzdb_increment_double(db, "d", 1, delta, &result) == BLITZDB_OK, "increment a double");
    expect(blitzdb_get(db, "d", 1, text, sizeof(text) - 1, &size) == BLITZDB_OK, "get it");
    expect(strcmp(text, wanted) == 0, "a double has a point, wherever the program comes from");
}

/** Makes a locale as the system would and switches to it: with a comma in numbers, and with other letters. */
static void test_locale(const struct tmpdir *dir, const char *source, const char *name) {
    char path[TMPDIR_PATH_MAX], text[16];
    const char *const arguments[] = {"localedef", "-i", source, "-f", "UTF-8", path, NULL};
    blitzdb *db = NULL;
    tmpdir_join(dir, name, path, sizeof(path));
    expect(run(arguments) == 0, "localedef makes a locale (package locales)");
    expect(setenv("LOCPATH", dir->path, 1) == 0, "say where it is");
    expect(setlocale(LC_ALL, name) != NULL, "switch to it");
    (void)snprintf(text, sizeof(text), "%.1f", 1.5);
    expect(strcmp(text, "1,5") == 0, "numbers have a comma there");
    expect(blitzdb_open(NULL, NULL, &db) == BLITZDB_OK, "open");
    check_double(db, 1.5, "1.5");
    check_double(db, 0.25, "1.75");
    expect(blitzdb_set(db, "d", 1, "2.5", 3) == BLITZDB_OK, "set a number");
    check_double(db, 1e-3, "2.501");
    expect(blitzdb_set(db, "d", 1, "2,5", 3) == BLITZDB_OK, "set no number");
    expect(blitzdb_increment_double(db, "d", 1, 1, NULL) == BLITZDB_NOT_A_NUMBER, "a comma makes no number");
    expect(blitzdb_close(db) == BLITZDB_OK, "close");
    expect(setlocale(LC_ALL, "C") != NULL, "switch back");
    cases++;
}

/** Another program sees the descriptors it would see without the database, and no more. */
static void test_exec(const char *self, const char *path) {
    char count[16];
    const char *const arguments[] = {self, "descriptors", count, NULL};
    (void)snprintf(count, sizeof(count), "%d", count_descriptors());
    blitzdb *db = embedding_open(path);
    expect(count_descriptors() > atoi(count), "the database has descriptors");
    expect(run(arguments) == 0, "none of them reaches another program");
    expect(blitzdb_snapshot(db, NULL) == BLITZDB_OK, "snapshot");
    expect(run(arguments) == 0, "nor after a snapshot");
    expect(blitzdb_close(db) == BLITZDB_OK, "close");
    cases += 2;
}

/** A second process is refused as long as the first has the directory, and gets it afterwards. */
static void test_two_processes(const char *self, const char *path) {
    const char *const arguments[] = {self, "open", path, NULL};
    blitzdb *db = embedding_open(path);
    expect(run(arguments) == -BLITZDB_LOCKED, "a second process is refused");
    expect(blitzdb_set(db, "k", 1, "v", 1) == BLITZDB_OK, "the first one goes on");
    expect(blitzdb_close(db) == BLITZDB_OK, "close");
    expect(run(arguments) == BLITZDB_OK, "the second one opens it then");
    cases += 2;
}

static int open_and_close(const char *path) {
    blitzdb *db = NULL;
    blitzdb_status status = blitzdb_open(path, NULL, &db);
    if (status == BLITZDB_OK)
        status = blitzdb_close(db);
    return -status;
}

int main(int argc, char **argv) {
    struct tmpdir dir;
    char path[TMPDIR_PATH_MAX];
    if (argc == 3 && strcmp(argv[1], "descriptors") == 0)
        return count_descriptors() == atoi(argv[2]) ? 0 : 1;
    if (argc == 3 && strcmp(argv[1], "open") == 0)
        return open_and_close(argv[2]);
    expect(argc == 2, "the shared library is named");
    tmpdir_create(&dir);
    tmpdir_join(&dir, "data", path, sizeof path);
    test_exec(argv[0], path);
    test_two_processes(argv[0], path);
    test_locale(&dir, "de_DE", "de_DE.UTF-8");
    test_locale(&dir, "tr_TR", "tr_TR.UTF-8");
    test_unloading(argv[1]);
    tmpdir_remove(&dir);
    printf("cases %u/8\n", cases);
    return cases == 8 ? 0 : 1;
}
