/*
 * Feeds files to a fuzz target, with any compiler: `replay FILE-OR-DIRECTORY ...`. Every file of a directory
 * is one input. Linked with one fuzz_*.c; ends with 0 if no input brought the target down, and prints how
 * many there were.
 */
#include <dirent.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/** Inputs are small; a larger file is refused. */
enum { INPUT_MAX = 1 << 20, PATH_ROOM = 4096 };

/** Says what went wrong with a path and ends the program. */
static void give_up(const char *path, const char *what) {
    (void)fprintf(stderr, "%s: %s\n", path, what);
    exit(2);
}

/** Runs the target on one file, in a block of just its size. */
static void replay_file(const char *path) {
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        give_up(path, strerror(errno));
    uint8_t *input = malloc(INPUT_MAX + 1);
    if (input == NULL)
        give_up(path, "no memory");
    size_t size = fread(input, 1, INPUT_MAX + 1, file);
    if (ferror(file) || size > INPUT_MAX)
        give_up(path, "cannot be read, or is too large");
    (void)fclose(file);

    uint8_t *exact = realloc(input, size > 0 ? size : 1);
    if (exact == NULL)
        give_up(path, "no memory");
    (void)LLVMFuzzerTestOneInput(exact, size);
    free(exact);
}

/** Runs the target on every file of a directory, or on the file itself; returns how many. */
static size_t replay(const char *path) {
    DIR *dir = opendir(path);
    if (dir == NULL) {
        replay_file(path);
        return 1;
    }
    size_t count = 0;
    for (struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
        if (entry->d_name[0] == '.')
            continue;
        char name[PATH_ROOM];
        int length = snprintf(name, sizeof name, "%s/%s", path, entry->d_name);
        if (length < 0 || (size_t)length >= sizeof name)
            give_up(path, "its path is too long");
        replay_file(name);
        count++;
    }
    (void)closedir(dir);
    return count;
}

int main(int argc, char **argv) {
    size_t count = 0;
    for (int i = 1; i < argc; i++)
        count += replay(argv[i]);
    if (count == 0)
        give_up(argv[0], "no input");
    (void)printf("%zu inputs\n", count);
    return 0;
}
