#include "edge/mqtt_socket.h"

#include <criterion/criterion.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

TestSuite(mqtt_socket, .timeout = 10);

static uint16_t port_of(int fd)
{
    struct sockaddr_in address = {0};
    socklen_t len = sizeof address;

    cr_assert_eq(getsockname(fd, (struct sockaddr *)&address, &len), 0);
    return ntohs(address.sin_port);
}

/* Whom this process lets in may come from the port on which the broker listens. */
Test(mqtt_socket, one_that_was_let_in_is_never_taken_for_the_brokers)
{
    static struct mqtt_socket_note note;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    int stranger = socket(AF_INET, SOCK_STREAM, 0);
    int let_in;

    cr_assert_eq(bind(listener, (struct sockaddr *)&address, sizeof address), 0);
    cr_assert_eq(listen(listener, 1), 0);
    address.sin_port = htons(port_of(listener));
    cr_assert_eq(connect(stranger, (struct sockaddr *)&address, sizeof address), 0);
    mqtt_socket_note(&note);
    let_in = accept(listener, NULL, NULL);
    cr_assert_geq(let_in, 0);
    cr_assert_eq(mqtt_socket_find(&note, port_of(stranger)), let_in);
    mqtt_socket_not_from(port_of(listener));
    cr_assert_eq(mqtt_socket_find(&note, port_of(stranger)), -1);
    close(let_in);
    close(stranger);
    close(listener);
}
