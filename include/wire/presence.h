/* What a tracker's presence topic says. */
#ifndef WIRE_PRESENCE_H
#define WIRE_PRESENCE_H

#include "base/bytes.h"

enum presence { PRESENCE_OFFLINE, PRESENCE_ONLINE, PRESENCE_UNREADABLE };

/* `online`, `offline`, nothing (a cleared retained message: offline), or JSON {"online": true}. */
enum presence presence_decode(struct bytes payload);

#endif
