/**
 * @file
 * @brief Makes the system refuse every new thread of this process.
 */
#ifndef BLITZDB_TESTS_NO_THREADS_H
#define BLITZDB_TESTS_NO_THREADS_H

#include <criterion/criterion.h>
#include <pthread.h>

/** Asks for a stack as large as all addresses there are. For the forked process of a test. */
static inline void refuse_threads(void) {
    pthread_attr_t attributes;
    cr_assert_eq(pthread_attr_init(&attributes), 0);
    cr_assert_eq(pthread_attr_setstacksize(&attributes, (size_t)1 << 60), 0);
    cr_assert_eq(pthread_setattr_default_np(&attributes), 0);
    pthread_attr_destroy(&attributes);
}

#endif
