#!/bin/sh
# Draws a password for every user of compose.yaml's stack, each into a folder that only its user's container sees, and the
# lists of their hashes for the broker and for Redis. It runs once, as root in a container of its own; what is there already is
# kept. SECRETS: the folder with the others in it. REDIS_CONF: the file with the service's user in Redis.
set -eu
umask 077
secrets=${SECRETS:-/secrets}
redis_conf=${REDIS_CONF:-/outputd.conf}
cd "$secrets"

# The numbers of the users inside the images.
mosquitto=1883 outputd=10001 grafana=472 redis=999 postgres=999

draw() {
    head -c 24 /dev/urandom | od -An -v -tx1 | tr -d ' \n'
}

digest() {
    printf %s "$1" | sha256sum | cut -d' ' -f1
}

# give FILE USER: its reader's alone
give() {
    chmod 0400 "$1"
    chown "$2:$2" "$1"
}

# Each writes the file last that says that all of it is there; what a run that was cut short has left is written anew.

draw_broker() {
    rm -f broker/* outputd/mqtt_password gateway/* platform/*
    : > broker/passwd.new
    for user in outputd gateway platform health; do
        password=$(draw)
        echo "$user:$password" >> broker/passwd.new
        case $user in
        health)
            # options of mosquitto_sub, so that the password is on no command line
            printf '%s\n' "-u $user" "-P $password" > broker/mosquitto_sub
            give broker/mosquitto_sub $mosquitto
            ;;
        *)
            echo "$password" > "$user/mqtt_password"
            give "$user/mqtt_password" $outputd
            ;;
        esac
    done
    mosquitto_passwd -U broker/passwd.new
    give broker/passwd.new $mosquitto
    mv broker/passwd.new broker/passwd
}

draw_grafana() {
    rm -f grafana/*
    draw > grafana/password.new
    give grafana/password.new $grafana
    mv grafana/password.new grafana/admin_password
}

draw_redis() {
    rm -f redis/* outputd/redis_password
    password=$(draw)
    health=$(draw)
    echo "$password" > outputd/redis_password
    echo "$health" > redis/health_password
    {
        echo 'user default off'
        sed -n "/^user /s/>CHANGE-ME/#$(digest "$password")/p" "$redis_conf"
        echo "user health on #$(digest "$health") resetchannels -@all +ping"
    } > redis/users.new
    give outputd/redis_password $outputd
    give redis/health_password $redis
    give redis/users.new $redis
    mv redis/users.new redis/users.conf
}

draw_postgres() {
    rm -f postgres/* outputd/conninfo
    draw > postgres/postgres_password
    password=$(draw)
    echo "host=postgres dbname=outputd user=outputd password=$password" > outputd/conninfo
    echo "$password" > postgres/password.new
    give postgres/postgres_password $postgres
    give outputd/conninfo $outputd
    give postgres/password.new $postgres
    mv postgres/password.new postgres/outputd_password
}

for drawn in broker/passwd grafana/admin_password redis/users.conf postgres/outputd_password; do
    [ -e "$drawn" ] || "draw_${drawn%%/*}"
done
echo 'secrets: they are there'
