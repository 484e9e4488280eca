#include "edge/secrets.h"

#include <stdlib.h>
#include <sys/stat.h>

static void warn(const char *path, const char *holds)
{
    struct stat st;

    if (stat(path, &st) == 0 && S_ISREG(st.st_mode) && st.st_mode & S_IROTH)
        log_write(LOG_WARNING, "everybody can read a password or a private key", LOG_TEXT("file", path),
                  LOG_TEXT("holds", holds));
}

static void warn_of_named(const char *config_path, const char *file, const char *holds)
{
    char *path;

    if (!file || !*file)
        return;
    path = conf_resolve(config_path, file);
    warn(path, holds);
    free(path);
}

static bool has_text(const struct config *c, const char *key)
{
    const struct conf_node *node = conf_find(c->file, key);
    const char *text = node ? conf_text(node) : NULL;

    return text && *text;
}

/* password=…, or a URI with user:password@. */
static bool has_password(const char *conninfo)
{
    const char *scheme = strstr(conninfo, "://");
    const char *at = scheme ? strchr(scheme, '@') : NULL;

    return strstr(conninfo, "password") || (at && memchr(scheme + 3, ':', (size_t)(at - scheme - 3)));
}

void secrets_warn(const struct config *c, const char *config_path)
{
    if (has_text(c, "broker.password"))
        warn(config_path, "broker.password");
    if (has_text(c, "broker.tls.key_password"))
        warn(config_path, "broker.tls.key_password");
    if (has_text(c, "state.password"))
        warn(config_path, "state.password");
    if (has_text(c, "registry.conninfo") && has_password(conf_text(conf_find(c->file, "registry.conninfo"))))
        warn(config_path, "registry.conninfo");
    warn_of_named(config_path, c->registry.conninfo_file, "registry.conninfo_file");
    warn_of_named(config_path, c->broker.password_file, "broker.password_file");
    warn_of_named(config_path, c->tls.key_password_file, "broker.tls.key_password_file");
    warn_of_named(config_path, c->state.password_file, "state.password_file");
    if (c->tls.key_file)
        warn(c->tls.key_file, "broker.tls.key_file");
}
