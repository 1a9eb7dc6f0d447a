/**
 * @file
 * @brief The main() of programs that are also parts of another one, where it has these names.
 */
#ifndef BLITZDB_TESTS_PROGRAM_PARTS_H
#define BLITZDB_TESTS_PROGRAM_PARTS_H

/** tests/crash/backup_loss.c; answers 0 if nothing is wrong. */
int backup_loss_main(int argc, char **argv);

/** tests/crash/copy_loss.c; the same. */
int copy_loss_main(int argc, char **argv);

#endif
