  ;; An honest description: no name, no version, no summary, no settings.
  (func (export "describe") (result i32)
    (memory.fill (i32.const 1040) (i32.const 0) (i32.const 32))
    (i32.const 1040))
