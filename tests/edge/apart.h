/* For what a process does once and for good: in a process apart, a child of the test's. */
#ifndef EDGE_APART_H
#define EDGE_APART_H

/* In the process apart: a condition that does not hold ends it, and so fails the test. */
#define MUST(condition) ((condition) ? (void)0 : apart_fail(#condition, __FILE__, __LINE__))

_Noreturn void apart_fail(const char *condition, const char *file, int line);

/* Waits for its end; fails the test where a MUST did not hold, or where it was killed. */
void apart_run(void (*act)(void));

#endif
