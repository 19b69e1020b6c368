type AnyFunction = (...args: never[]) => unknown
type TypedArray =
  | Int8Array
  | Uint8Array
  | Uint8ClampedArray
  | Int16Array
  | Uint16Array
  | Int32Array
  | Uint32Array
  | Float32Array
  | Float64Array
  | BigInt64Array
  | BigUint64Array
type Leaf = string | number | boolean | bigint | null | undefined | void | Date | URL | RegExp | Error | ArrayBuffer | DataView | TypedArray

/** The paths in `T` that cannot cross a border between workers; `never` when all can. Looks six levels deep. */
export type Unserializable<T, Path extends string = 'value', Depth extends 0[] = []> = Depth['length'] extends 6
  ? never
  : 0 extends 1 & T
    ? never
    : unknown extends T
      ? never
      : T extends Leaf
        ? never
        : T extends AnyFunction | symbol | PromiseLike<unknown>
          ? Path
          : T extends ReadonlyMap<infer K, infer V>
            ? Unserializable<K, `${Path}.keys()`, [...Depth, 0]> | Unserializable<V, `${Path}.values()`, [...Depth, 0]>
            : T extends ReadonlySet<infer V>
              ? Unserializable<V, `${Path}.values()`, [...Depth, 0]>
              : T extends readonly (infer E)[]
                ? Unserializable<E, `${Path}[]`, [...Depth, 0]>
                : T extends object
                  ? {
                      [K in keyof T]-?: Unserializable<T[K], `${Path}.${K extends string | number ? K : '[symbol]'}`, [...Depth, 0]>
                    }[keyof T]
                  : never
