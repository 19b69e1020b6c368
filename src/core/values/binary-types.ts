/** The kinds of bytes that a `bin` tag names in its `t`. All numbers are little-endian. */

type ViewClass = new (buffer: ArrayBufferLike, byteOffset: number, length: number) => ArrayBufferView

export interface BinaryType {
  readonly code: string
  readonly bytesPerElement: number
  readonly view: ViewClass
}

const viewClasses: Record<string, string> = {
  i8: 'Int8Array',
  u8: 'Uint8Array',
  u8c: 'Uint8ClampedArray',
  i16: 'Int16Array',
  u16: 'Uint16Array',
  f16: 'Float16Array',
  i32: 'Int32Array',
  u32: 'Uint32Array',
  f32: 'Float32Array',
  f64: 'Float64Array',
  i64: 'BigInt64Array',
  u64: 'BigUint64Array',
  dv: 'DataView',
}

const types: readonly (BinaryType & { readonly name: string })[] = Object.entries(viewClasses).flatMap(([code, name]) => {
  const view = (globalThis as Record<string, unknown>)[name] as (ViewClass & { BYTES_PER_ELEMENT?: number }) | undefined
  return view ? [{ code, name, view, bytesPerElement: view.BYTES_PER_ELEMENT ?? 1 }] : []
})

const byCode = new Map(types.map((type) => [type.code, type]))
const byName = new Map(types.map((type) => [type.name, type.code]))

/** Undefined for a code that does not exist, or whose class this runtime lacks. */
export function viewType(code: string): BinaryType | undefined {
  return byCode.get(code)
}

export function codeOfClass(name: string): string | undefined {
  return byName.get(name)
}
