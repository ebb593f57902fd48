  ;; The types of our world, which every component for it imports.
  (import "rec:market/types@1.0.0" (instance $types
    (type $setting' (record (field "key" string) (field "summary" string) (field "default" string)))
    (export "setting" (type $setting (eq $setting')))
    (type $description' (record
      (field "name" string) (field "version" string) (field "summary" string) (field "settings" (list $setting))))
    (export "description" (type $description (eq $description')))
    (type $position' (record
      (field "member" string) (field "surplus" u64) (field "deficit" u64) (field "offer" s64) (field "bid" s64)
      (field "retail" s64) (field "feed-in" s64) (field "share" u32) (field "rank" u32)))
    (export "position" (type $position (eq $position')))
    (type $round' (record
      (field "community" string) (field "start" u64) (field "duration" u32) (field "retail" s64)
      (field "feed-in" s64) (field "price-floor" (option s64)) (field "price-ceiling" (option s64))
      (field "seed" u64) (field "settings" (list (tuple string string))) (field "positions" (list $position))))
    (export "round" (type $round (eq $round')))
    (type $party' (variant (case "grid") (case "operator") (case "member" u32)))
    (export "party" (type $party (eq $party')))
    (type $trade' (record (field "seller" $party) (field "buyer" $party) (field "energy" u64) (field "price" s64)))
    (export "trade" (type $trade (eq $trade')))))
  (alias export $types "description" (type $description))
  (alias export $types "round" (type $round))
  (alias export $types "trade" (type $trade))
