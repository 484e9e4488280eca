#include "edge/secrets.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "scratch.h"

TestSuite(secrets, .init = scratch_open, .fini = scratch_close, .timeout = 60);

static const char *write_file(const char *name, const char *text, mode_t mode)
{
    const char *path = scratch_write(name, text);

    cr_assert_eq(chmod(path, mode), 0);
    return path;
}

/* What is logged of a configuration with this text and these rights. */
static const char *warnings_of(const char *text, mode_t mode)
{
    static char lines[4096];
    const char *config_path = write_file("outputd.cfg", text, mode);
    struct mistakes mistakes = {0};
    struct config *c = config_read(config_path, &mistakes);
    int fd = open(scratch_path("log"), O_RDWR | O_CREAT | O_TRUNC, 0600);
    ssize_t len;

    cr_assert(c && mistakes.count == 0, "%s", scratch_mistakes(&mistakes));
    cr_assert_geq(fd, 0);
    log_set_fd(fd);
    secrets_warn(c, config_path);
    log_set_fd(STDERR_FILENO);
    len = pread(fd, lines, sizeof lines - 1, 0);
    cr_assert_geq(len, 0);
    lines[len] = '\0';
    close(fd);
    config_free(c);
    mistakes_release(&mistakes);
    return lines;
}

/* One warning, of this file and for this key, and not a word of what is in it. */
static void expect_warning(const char *lines, const char *file, const char *key)
{
    const char *end = strchr(lines, '\n');

    cr_assert(end && end[1] == '\0', "%s", lines);
    cr_assert(strstr(lines, "warning everybody can read a password or a private key"), "%s", lines);
    cr_assert(strstr(lines, file) && strstr(lines, key), "%s", lines);
    cr_assert_not(strstr(lines, "sesame"), "%s", lines);
}

Test(secrets, a_configuration_with_a_password_is_for_nobody_else)
{
    static const char text[] = "broker: { username = \"outputd\"; password = \"sesame\"; };";

    expect_warning(warnings_of(text, 0644), scratch_path("outputd.cfg"), "broker.password");
    expect_warning(warnings_of(text, 0604), scratch_path("outputd.cfg"), "broker.password");
    cr_expect_str_empty(warnings_of(text, 0640));
    cr_expect_str_empty(warnings_of(text, 0600));
}

Test(secrets, so_is_one_with_the_password_of_a_key)
{
    static const char text[] = "broker: { tls: { key_password = \"sesame\"; }; };";

    expect_warning(warnings_of(text, 0644), scratch_path("outputd.cfg"), "broker.tls.key_password");
    cr_expect_str_empty(warnings_of(text, 0600));
}

Test(secrets, so_is_one_with_the_password_of_a_database)
{
    static const char pairs[] = "registry: { conninfo = \"host=db user=outputd password=sesame\"; };";
    static const char uri[] = "registry: { conninfo = \"postgresql://outputd:sesame@db/fleet\"; };";

    expect_warning(warnings_of(pairs, 0644), scratch_path("outputd.cfg"), "registry.conninfo");
    expect_warning(warnings_of(uri, 0644), scratch_path("outputd.cfg"), "registry.conninfo");
    cr_expect_str_empty(warnings_of(uri, 0640));
    cr_expect_str_empty(warnings_of("registry: { conninfo = \"postgresql://outputd@db:5432/fleet\"; };", 0644));
    cr_expect_str_empty(warnings_of("registry: { conninfo = \"host=db user=outputd\"; };", 0644));
}

Test(secrets, and_the_file_that_names_a_database)
{
    static const char text[] = "registry: { conninfo_file = \"conninfo\"; };";

    write_file("conninfo", "password=sesame\n", 0644);
    expect_warning(warnings_of(text, 0644), scratch_path("conninfo"), "registry.conninfo_file");
    write_file("conninfo", "password=sesame\n", 0640);
    cr_expect_str_empty(warnings_of(text, 0644));
}

Test(secrets, a_configuration_without_one_may_be_read)
{
    cr_expect_str_empty(warnings_of("broker: { username = \"outputd\"; password = \"\"; };", 0644));
    cr_expect_str_empty(warnings_of("", 0644));
}

Test(secrets, a_file_with_a_password_is_looked_at_beside_the_configuration)
{
    static const char text[] = "broker: { password_file = \"password\"; };";

    write_file("password", "sesame\n", 0644);
    expect_warning(warnings_of(text, 0644), scratch_path("password"), "broker.password_file");
    write_file("password", "sesame\n", 0640);
    cr_expect_str_empty(warnings_of(text, 0644));
}

Test(secrets, one_from_the_environment_too)
{
    setenv("OUTPUTD_BROKER_PASSWORD_FILE", write_file("elsewhere", "sesame\n", 0444), 1);
    expect_warning(warnings_of("", 0644), scratch_path("elsewhere"), "broker.password_file");
}

Test(secrets, keys_and_their_passwords)
{
    static const char text[] =
        "broker: { tls: { cert_file = \"cert\"; key_file = \"key\"; key_password_file = \"pw\"; }; };";

    write_file("cert", "a certificate is no secret", 0644);
    write_file("key", "sesame", 0644);
    write_file("pw", "sesame", 0600);
    expect_warning(warnings_of(text, 0644), scratch_path("key"), "broker.tls.key_file");
    write_file("key", "sesame", 0600);
    write_file("pw", "sesame", 0644);
    expect_warning(warnings_of(text, 0644), scratch_path("pw"), "broker.tls.key_password_file");
}

Test(secrets, the_password_of_redis_is_one)
{
    expect_warning(warnings_of("state: { password = \"sesame\"; };", 0644), scratch_path("outputd.cfg"),
                   "state.password");
    write_file("password", "sesame\n", 0644);
    expect_warning(warnings_of("state: { password_file = \"password\"; };", 0644), scratch_path("password"),
                   "state.password_file");
}
