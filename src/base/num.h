/* Numbers from and to text without the locale. */
#ifndef PW_NUM_H
#define PW_NUM_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* the whole text, blanks around it allowed; "nan", "inf" are read as such */
bool pw_parse_double(const char *text, size_t len, double *out);
bool pw_parse_int(const char *text, size_t len, int64_t *out);     /* decimal, the whole text */
int pw_format_double(char *out, size_t cap, double value);         /* shortest that reads back the same; '.' always */
#endif
