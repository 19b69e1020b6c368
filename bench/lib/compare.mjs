/**
 * Runs floor and subject in turns, so that what else the machine does slows both, and takes the median of the ratios of
 * neighbours. A measurement is a function that resolves with a number (milliseconds unless the case says otherwise).
 */
export async function compare({ floor, subject, rounds, warmUps }) {
  for (let i = 0; i < warmUps; i++) {
    await floor()
    await subject()
  }
  const floors = []
  const subjects = []
  for (let i = 0; i < rounds; i++) {
    floors.push(await floor())
    subjects.push(await subject())
  }
  const ratios = subjects.map((value, i) => value / floors[i])
  return {
    floor: median(floors),
    subject: median(subjects),
    ratio: median(ratios),
    low: quantile(ratios, 0.25),
    high: quantile(ratios, 0.75),
  }
}

function median(values) {
  return quantile(values, 0.5)
}

function quantile(values, share) {
  const sorted = values.toSorted((a, b) => a - b)
  const place = (sorted.length - 1) * share
  const below = Math.floor(place)
  return sorted[below] + (sorted[Math.ceil(place)] - sorted[below]) * (place - below)
}
