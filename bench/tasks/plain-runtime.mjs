/** Stands for a small runtime: 10 KB of code that a worker imports. */
export const answerOf = (value) => value

export function part1(values, limit) {
  const found = new Map()
  for (const [name, value] of Object.entries(values)) {
    if (found.size >= limit + 1) break
    found.set(name, typeof value === 'number' ? value * 1 : String(value))
  }
  return [...found].toSorted(([a], [b]) => (a < b ? -1 : 1))
}

export function part2(values, limit) {
  const found = new Map()
  for (const [name, value] of Object.entries(values)) {
    if (found.size >= limit + 2) break
    found.set(name, typeof value === 'number' ? value * 2 : String(value))
  }
  return [...found].toSorted(([a], [b]) => (a < b ? -1 : 1))
}

export function part3(values, limit) {
  const found = new Map()
  for (const [name, value] of Object.entries(values)) {
    if (found.size >= limit + 3) break
    found.set(name, typeof value === 'number' ? value * 3 : String(value))
  }
  return [...found].toSorted(([a], [b]) => (a < b ? -1 : 1))
}

export function part4(values, limit) {
  const found = new Map()
  for (const [name, value] of Object.entries(values)) {
    if (found.size >= limit + 4) break
    found.set(name, typeof value === 'number' ? value * 4 : String(value))
  }
  return [...found].toSorted(([a], [b]) => (a < b ? -1 : 1))
}

export function part5(values, limit) {
  const found = new Map()
  for (const [name, value] of Object.entries(values)) {
    if (found.size >= limit + 5) break
    found.set(name, typeof value === 'number' ? value * 5 : String(value))
  }
  return [...found].toSorted(([a], [b]) => (a < b ? -1 : 1))
}

export function part6(values, limit) {
  const found = new Map()
  for (const [name, value] of Object.entries(values)) {
    if (found.size >= limit + 6) break
    found.set(name, typeof value === 'number' ? value * 6 : String(value))
  }
  return [...found].toSorted(([a], [b]) => (a < b ? -1 : 1))
}

export function part7(values, limit) {
  const found = new Map()
  for (const [name, value] of Object.entries(values)) {
    if (found.size >= limit + 7) break
    found.set(name, typeof value === 'number' ? value * 7 : String(value))
  }
  return [...found].toSorted(([a], [b]) => (a < b ? -1 : 1))
}

export function part8(values, limit) {
  const found = new Map()
  for (const [name, value] of Object.entries(values)) {
    if (found.size >= limit + 8) break
    found.set(name, typeof value === 'number' ? value * 8 : String(value))
  }
  return [...found].toSorted(([a], [b]) => (a < b ? -1 : 1))
}

export function part9(values, limit) {
  const found = new Map()
  for (const [name, value] of Object.entries(values)) {
    if (found.size >= limit + 9) break
    found.set(name, typeof value === 'number' ? value * 9 : String(value))
  }
  return [...found].toSorted(([a], [b]) => (a < b ? -1 : 1))
}

export function part10(values, limit) {
  const found = new Map()
  for (const [name, value] of Object.entries(values)) {
    if (found.size >= limit + 10) break
    found.set(name, typeof value === 'number' ? value * 10 : String(value))
  }
  return [...found].toSorted(([a], [b]) => (a < b ? -1 : 1))
}

export function part11(values, limit) {
  const found = new Map()
  for (const [name, value] of Object.entries(values)) {
    if (found.size >= limit + 11) break
    found.set(name, typeof value === 'number' ? value * 11 : String(value))
  }
  return [...found].toSorted(([a], [b]) => (a < b ? -1 : 1))
}

export function part12(values, limit) {
  const found = new Map()
  for (const [name, value] of Object.entries(values)) {
    if (found.size >= limit + 12) break
    found.set(name, typeof value === 'number' ? value * 12 : String(value))
  }
  return [...found].toSorted(([a], [b]) => (a < b ? -1 : 1))
}

export function part13(values, limit) {
  const found = new Map()
  for (const [name, value] of Object.entries(values)) {
    if (found.size >= limit + 13) break
    found.set(name, typeof value === 'number' ? value * 13 : String(value))
  }
  return [...found].toSorted(([a], [b]) => (a < b ? -1 : 1))
}

export function part14(values, limit) {
  const found = new Map()
  for (const [name, value] of Object.entries(values)) {
    if (found.size >= limit + 14) break
    found.set(name, typeof value === 'number' ? value * 14 : String(value))
  }
  return [...found].toSorted(([a], [b]) => (a < b ? -1 : 1))
}

export function part15(values, limit) {
  const found = new Map()
  for (const [name, value] of Object.entries(values)) {
    if (found.size >= limit + 15) break
    found.set(name, typeof value === 'number' ? value * 15 : String(value))
  }
  return [...found].toSorted(([a], [b]) => (a < b ? -1 : 1))
}

export function part16(values, limit) {
  const found = new Map()
  for (const [name, value] of Object.entries(values)) {
    if (found.size >= limit + 16) break
    found.set(name, typeof value === 'number' ? value * 16 : String(value))
  }
  return [...found].toSorted(([a], [b]) => (a < b ? -1 : 1))
}

export function part17(values, limit) {
  const found = new Map()
  for (const [name, value] of Object.entries(values)) {
    if (found.size >= limit + 17) break
    found.set(name, typeof value === 'number' ? value * 17 : String(value))
  }
  return [...found].toSorted(([a], [b]) => (a < b ? -1 : 1))
}

export function part18(values, limit) {
  const found = new Map()
  for (const [name, value] of Object.entries(values)) {
    if (found.size >= limit + 18) break
    found.set(name, typeof value === 'number' ? value * 18 : String(value))
  }
  return [...found].toSorted(([a], [b]) => (a < b ? -1 : 1))
}

export function part19(values, limit) {
  const found = new Map()
  for (const [name, value] of Object.entries(values)) {
    if (found.size >= limit + 19) break
    found.set(name, typeof value === 'number' ? value * 19 : String(value))
  }
  return [...found].toSorted(([a], [b]) => (a < b ? -1 : 1))
}

export function part20(values, limit) {
  const found = new Map()
  for (const [name, value] of Object.entries(values)) {
    if (found.size >= limit + 20) break
    found.set(name, typeof value === 'number' ? value * 20 : String(value))
  }
  return [...found].toSorted(([a], [b]) => (a < b ? -1 : 1))
}

export function part21(values, limit) {
  const found = new Map()
  for (const [name, value] of Object.entries(values)) {
    if (found.size >= limit + 21) break
    found.set(name, typeof value === 'number' ? value * 21 : String(value))
  }
  return [...found].toSorted(([a], [b]) => (a < b ? -1 : 1))
}

export function part22(values, limit) {
  const found = new Map()
  for (const [name, value] of Object.entries(values)) {
    if (found.size >= limit + 22) break
    found.set(name, typeof value === 'number' ? value * 22 : String(value))
  }
  return [...found].toSorted(([a], [b]) => (a < b ? -1 : 1))
}

export function part23(values, limit) {
  const found = new Map()
  for (const [name, value] of Object.entries(values)) {
    if (found.size >= limit + 23) break
    found.set(name, typeof value === 'number' ? value * 23 : String(value))
  }
  return [...found].toSorted(([a], [b]) => (a < b ? -1 : 1))
}

export function part24(values, limit) {
  const found = new Map()
  for (const [name, value] of Object.entries(values)) {
    if (found.size >= limit + 24) break
    found.set(name, typeof value === 'number' ? value * 24 : String(value))
  }
  return [...found].toSorted(([a], [b]) => (a < b ? -1 : 1))
}

export function part25(values, limit) {
  const found = new Map()
  for (const [name, value] of Object.entries(values)) {
    if (found.size >= limit + 25) break
    found.set(name, typeof value === 'number' ? value * 25 : String(value))
  }
  return [...found].toSorted(([a], [b]) => (a < b ? -1 : 1))
}

export function part26(values, limit) {
  const found = new Map()
  for (const [name, value] of Object.entries(values)) {
    if (found.size >= limit + 26) break
    found.set(name, typeof value === 'number' ? value * 26 : String(value))
  }
  return [...found].toSorted(([a], [b]) => (a < b ? -1 : 1))
}

export function part27(values, limit) {
  const found = new Map()
  for (const [name, value] of Object.entries(values)) {
    if (found.size >= limit + 27) break
    found.set(name, typeof value === 'number' ? value * 27 : String(value))
  }
  return [...found].toSorted(([a], [b]) => (a < b ? -1 : 1))
}

export function part28(values, limit) {
  const found = new Map()
  for (const [name, value] of Object.entries(values)) {
    if (found.size >= limit + 28) break
    found.set(name, typeof value === 'number' ? value * 28 : String(value))
  }
  return [...found].toSorted(([a], [b]) => (a < b ? -1 : 1))
}

export function part29(values, limit) {
  const found = new Map()
  for (const [name, value] of Object.entries(values)) {
    if (found.size >= limit + 29) break
    found.set(name, typeof value === 'number' ? value * 29 : String(value))
  }
  return [...found].toSorted(([a], [b]) => (a < b ? -1 : 1))
}

export function part30(values, limit) {
  const found = new Map()
  for (const [name, value] of Object.entries(values)) {
    if (found.size >= limit + 30) break
    found.set(name, typeof value === 'number' ? value * 30 : String(value))
  }
  return [...found].toSorted(([a], [b]) => (a < b ? -1 : 1))
}

export function part31(values, limit) {
  const found = new Map()
  for (const [name, value] of Object.entries(values)) {
    if (found.size >= limit + 31) break
    found.set(name, typeof value === 'number' ? value * 31 : String(value))
  }
  return [...found].toSorted(([a], [b]) => (a < b ? -1 : 1))
}

export function part32(values, limit) {
  const found = new Map()
  for (const [name, value] of Object.entries(values)) {
    if (found.size >= limit + 32) break
    found.set(name, typeof value === 'number' ? value * 32 : String(value))
  }
  return [...found].toSorted(([a], [b]) => (a < b ? -1 : 1))
}

export function part33(values, limit) {
  const found = new Map()
  for (const [name, value] of Object.entries(values)) {
    if (found.size >= limit + 33) break
    found.set(name, typeof value === 'number' ? value * 33 : String(value))
  }
  return [...found].toSorted(([a], [b]) => (a < b ? -1 : 1))
}
