import { expect, it } from 'vitest'
import { EndMark } from '../../../src/engines/docker/end-mark.ts'

it('finds the end and its code in whatever pieces it comes, and leaves all else as it is', () => {
  const mark = new EndMark()
  const text = Buffer.from(`a\0b\0${mark.word.slice(0, 5)}c\0\0${mark.word} 137\n`)
  const expected = text.subarray(0, text.length - mark.word.length - 6).toString()
  for (let size = 1; size <= text.length; size++) {
    const read = mark.reader()
    let data = ''
    let found: number | undefined
    for (let at = 0; at < text.length; at += size) {
      const { data: part, code } = read(text.subarray(at, at + size))
      data += part.toString()
      found ??= code
    }
    expect([size, data, found]).toEqual([size, expected, 137])
  }
})

it('holds nothing back that cannot be the end', () => {
  const read = new EndMark().reader()
  for (const text of ['plain', '\0no', '\n', '\0\0\n']) expect(read(Buffer.from(text)).data.toString()).toBe(text)
})
