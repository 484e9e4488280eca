/* What is in a text file, such as a log. */
#ifndef SUPPORT_LINES_H
#define SUPPORT_LINES_H

/* How many of its lines have the text in them; 0 where there is no such file. */
int lines_with(const char *path, const char *text);

#endif
