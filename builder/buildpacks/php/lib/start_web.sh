#!/usr/bin/env bash
# heroku-php-nginx [-C FILE] [FOLDER]: serves FOLDER on $PORT with nginx and PHP's process manager; ends when one of them ends.
set -u
home=${HOME:-/app}
own=''
while getopts ':C:F:i:c:l:pvx' option; do
  case $option in
    C) own=$OPTARG ;;
    *) echo "heroku-php-nginx: option -$OPTARG is not known here and has no effect" >&2 ;;
  esac
done
shift $((OPTIND - 1))
root=${1:-}
if [ -z "$root" ]; then
  root=.
  for folder in public web; do
    if [ -f "$home/$folder/index.php" ] && [ ! -f "$home/index.php" ]; then root=$folder && break; fi
  done
fi
root=$(realpath -s "$home/${root%/}")
[ -d "$root" ] || {
  echo "heroku-php-nginx: there is no folder $root" >&2
  exit 1
}
own_line=''
if [ -n "$own" ]; then own_line="include $(realpath -s "$home/$own");"; fi
fallback='=404'
# shellcheck disable=SC2016 # nginx expands it
if [ -f "$root/index.php" ]; then fallback='/index.php$is_args$args'; fi
# Where a process may not open its own output again, only what is inherited is said.
exec 3>&1 4>&2
log=off errors=/dev/null
if (: >> /proc/self/fd/3) 2> /dev/null; then log='/dev/stdout combined'; fi
if (: >> /proc/self/fd/4) 2> /dev/null; then errors=/proc/self/fd/2; fi
exec 3>&- 4>&-
work=$(mktemp -d /tmp/php.XXXXXX)

cat > "$work/fpm.conf" << CONF
[global]
daemonize = no
pid = $work/fpm.pid
error_log = $errors
log_limit = 8192
[www]
listen = $work/fpm.sock
pm = ondemand
pm.max_children = ${WEB_CONCURRENCY:-4}
pm.process_idle_timeout = 60
catch_workers_output = yes
decorate_workers_output = no
clear_env = no
CONF
cat > "$work/nginx.conf" << CONF
daemon off;
worker_processes 1;
pid $work/nginx.pid;
error_log stderr warn;
events { worker_connections 1024; }
http {
  include /etc/nginx/mime.types;
  default_type application/octet-stream;
  access_log $log;
  client_body_temp_path $work/body;
  proxy_temp_path $work/proxy;
  fastcgi_temp_path $work/fastcgi;
  uwsgi_temp_path $work/uwsgi;
  scgi_temp_path $work/scgi;
  client_max_body_size 128m;
  server_tokens off;
  absolute_redirect off;
  sendfile on;
  fastcgi_buffers 256 4k;
  # The router tells by this which protocol the visitor speaks.
  map \$http_x_forwarded_proto \$secure { default ''; https on; }
  server {
    listen 0.0.0.0:$PORT;
    root $root;
    index index.php index.html;
    $own_line
    location / { try_files \$uri \$uri/ $fallback; }
    location ~ /\.(?!well-known/) { return 404; }
    location ~ ^/(Procfile|composer\.(json|lock|phar))\$ { return 404; }
    location ~ ^(.+\.php)(/.*)?\$ {
      set \$script \$1;
      set \$info \$2;
      if (!-f \$document_root\$script) { return 404; }
      include /etc/nginx/fastcgi_params;
      fastcgi_param SCRIPT_FILENAME \$document_root\$script;
      fastcgi_param SCRIPT_NAME \$script;
      fastcgi_param PATH_INFO \$info;
      fastcgi_param HTTPS \$secure;
      # httpoxy: a visitor's header must not become a proxy.
      fastcgi_param HTTP_PROXY "";
      fastcgi_read_timeout 300;
      fastcgi_pass unix:$work/fpm.sock;
    }
  }
}
CONF

php-fpm -F -O -y "$work/fpm.conf" &
fpm=$!
for _ in $(seq 100); do
  if [ -S "$work/fpm.sock" ] || ! kill -0 $fpm 2> /dev/null; then break; fi
  sleep 0.05
done
/usr/sbin/nginx -c "$work/nginx.conf" -e stderr &
nginx=$!
# Both are let finish their requests.
trap 'kill -QUIT $nginx $fpm 2> /dev/null' TERM INT
wait -n
status=$?
kill -QUIT $nginx $fpm 2> /dev/null
wait
exit $status
