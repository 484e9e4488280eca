/* CHECK(cond): a condition that only a bug of ours can break. Logs and aborts; never compiled out. */
#ifndef BASE_CHECK_H
#define BASE_CHECK_H

#define CHECK(cond) ((cond) ? (void)0 : check_failed(#cond, __FILE__, __LINE__))

/* Writes the condition and its place to stderr, then aborts. */
_Noreturn void check_failed(const char *condition, const char *file, int line);

#endif
