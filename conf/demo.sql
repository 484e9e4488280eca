-- The small world of registry.cfg and of topics/examples/, for a registry in PostgreSQL: the public API's example, hash
-- a6aa75587e5c59c32d347da438505fc3 and tracker 265489, and what stands for each rule. After schema.sql; not for a
-- database that people switch relays with.

BEGIN;

INSERT INTO users (id, blocked) VALUES (1, false), (2, false), (3, true)
ON CONFLICT DO NOTHING;

INSERT INTO sessions (hash_sha256, user_id, master) VALUES
    -- a6aa75587e5c59c32d347da438505fc3, the master of user 1
    ('6db7a36af666ba46c78d9b8529e2fed98b3a19a7ee23f9cf2a2d5eed382ec63e', 1, true),
    -- 0123456789abcdef0123456789abcdef, a sub-user without any right
    ('3eb1bd439947eb762998e566ccc2e099c791118b2f40579cc4f7da2b5061b7f9', 1, false),
    -- fedcba9876543210fedcba9876543210, the master of user 3, who is blocked
    ('4ba68aa8767bde72e8c798ee82d1275291cea73e72ad74d35ecf48e41386eb82', 3, true)
ON CONFLICT DO NOTHING;

INSERT INTO trackers (id, user_id, model, device_id, outputs, blocked, clone, reserved_outputs) VALUES
    (265489, 1, 'generic_json', '356307042441013', 3, false, false, NULL),
    (265490, 1, 'generic_json', '356307042441021', 3, false, false, NULL),
    (265491, 1, 'generic_json', '356307042441039', 3, true, false, NULL),
    (265492, 1, 'generic_json', '356307042441047', 3, false, true, NULL),
    (265493, 1, 'acme_unknown', '356307042441054', NULL, false, false, NULL),
    (265494, 1, 'generic_json', '356307042441062', 3, false, false, '{1}'),
    (265495, 2, 'generic_json', '356307042441070', 3, false, false, NULL),
    (265496, 1, 'generic_msgpack', '356307042441088', 3, false, false, NULL)
ON CONFLICT DO NOTHING;

COMMIT;
