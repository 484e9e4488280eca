#!/bin/sh
# Draws a password for every user of compose.yaml's stack, each into a folder that only its user's container sees, and the
# broker's list of their hashes. It runs once, as root in a container of its own; what is there already is kept.
# SECRETS: the folder with the others in it. REDIS_CONF: the file with its user in Redis.
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

# give FILE USER: its reader's alone
give() {
    chmod 0400 "$1"
    chown "$2:$2" "$1"
}

if [ -e broker/passwd ]; then
    echo 'secrets: they are there'
    exit 0
fi

# of a run that was cut short
rm -f broker/* outputd/* gateway/* platform/* grafana/* redis/* postgres/*

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
draw > grafana/admin_password
give grafana/admin_password $grafana

digest() {
    printf %s "$1" | sha256sum | cut -d' ' -f1
}

password=$(draw)
health=$(draw)
echo "$password" > outputd/redis_password
echo "$health" > redis/health_password
{
    echo 'user default off'
    sed -n "/^user /s/>CHANGE-ME/#$(digest "$password")/p" "$redis_conf"
    echo "user health on #$(digest "$health") resetchannels -@all +ping"
} > redis/users.conf
give outputd/redis_password $outputd
give redis/health_password $redis
give redis/users.conf $redis

draw > postgres/postgres_password
give postgres/postgres_password $postgres
password=$(draw)
echo "$password" > postgres/outputd_password
echo "host=postgres dbname=outputd user=outputd password=$password" > outputd/conninfo
give postgres/outputd_password $postgres
give outputd/conninfo $outputd

mosquitto_passwd -U broker/passwd.new
give broker/passwd.new $mosquitto
mv broker/passwd.new broker/passwd # last: from here on they are complete
echo 'secrets: drawn'
