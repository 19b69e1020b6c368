/** A megabyte of plain records through the codec, there and back, against `JSON.stringify` and `JSON.parse`. */
import { records } from '../lib/records.mjs'
import { runtimeModule } from '../lib/runtime.mjs'

const { encode } = runtimeModule('core/values/encode.ts')
const { decode } = runtimeModule('core/values/decode.ts')
const value = records(6_000)

export const name = 'codec'
export const goal = 3
export const rounds = 40
export const warmUps = 10

export async function floor() {
  const started = performance.now()
  JSON.parse(JSON.stringify(value))
  return performance.now() - started
}

export async function subject() {
  const started = performance.now()
  decode(encode(value))
  return performance.now() - started
}
