/* What every test program ends with. */
#ifndef SUITE_H
#define SUITE_H
#include <check.h>

/* Runs a suite, which goes with it: the status that the program exits with. */
static inline int run_suite(Suite *s)
{
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
#endif
