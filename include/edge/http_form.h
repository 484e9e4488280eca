/* Parameters of a query or a form (application/x-www-form-urlencoded) as the JSON object that they stand for. */
#ifndef EDGE_HTTP_FORM_H
#define EDGE_HTTP_FORM_H

#include "base/buffer.h"

/* Appends the object. `true` and `false`, decimal integers and arrays such as [true,false] are what their parameter's
 * type says; whatever else stands there is a text, so that the checks of the request say what is wrong with it. A
 * request_id that is written like an integer is one. -EBADMSG: a name stands there twice, a % without two hex digits,
 * or a NUL or what is no UTF-8 in a name or value. */
int http_form_to_json(struct bytes form, struct buffer *out);

#endif
