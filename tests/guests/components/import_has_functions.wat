;; Imports functions under the name of our types interface: they are defined, and trap.
(component
  (import "rec:market/types@1.0.0" (instance $wish
    (export "read-secret" (func (result u64)))))
  ;; The types that our world imports, under a name that is not checked.
  (component $Types
    (type $setting' (record (field "key" string) (field "summary" string) (field "default" string)))
    (export $setting "setting" (type $setting'))
    (type $description' (record
      (field "name" string) (field "version" string) (field "summary" string) (field "settings" (list $setting))))
    (export "description" (type $description'))
    (type $position' (record
      (field "member" string) (field "surplus" u64) (field "deficit" u64) (field "offer" s64) (field "bid" s64)
      (field "retail" s64) (field "feed-in" s64) (field "share" u32) (field "rank" u32)))
    (export $position "position" (type $position'))
    (type $round' (record
      (field "community" string) (field "start" u64) (field "duration" u32) (field "retail" s64)
      (field "feed-in" s64) (field "price-floor" (option s64)) (field "price-ceiling" (option s64))
      (field "seed" u64) (field "settings" (list (tuple string string))) (field "positions" (list $position))))
    (export "round" (type $round'))
    (type $party' (variant (case "grid") (case "operator") (case "member" u32)))
    (export $party "party" (type $party'))
    (type $trade' (record (field "seller" $party) (field "buyer" $party) (field "energy" u64) (field "price" s64)))
    (export "trade" (type $trade')))
  (instance $types (instantiate $Types))
  (export "hidden" (instance $types))
  (alias export $types "description" (type $description))
  (alias export $types "round" (type $round))
  (alias export $types "trade" (type $trade))
  (core func $read-secret (canon lower (func $wish "read-secret")))
  (core module $Reads
    (import "host" "read-secret" (func $read-secret (result i64)))
    ;;@include standard
    (func $clear (result i32)
      (drop (call $read-secret))
      (call $honest)))
  (core instance $core (instantiate $Reads (with "host" (instance (export "read-secret" (func $read-secret))))))
  ;;@include lift
)
