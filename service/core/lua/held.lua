-- Is this request still there? H 1 | H 0 (it is over, its reply delivered).
return {'H', whole(redis.call('EXISTS', request_key(ARGV[1])))}
