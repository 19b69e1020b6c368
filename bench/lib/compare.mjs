/**
 * Runs floor and subject in turns, so that what else the machine does slows both, and takes the median of the ratios of
 * neighbours. A measurement is a function that resolves with a number (milliseconds unless the case says otherwise). `least`, if there
 * is one, is the subject's work by raw Node and bare calls of the engine, where the floor does less than any program of that kind must do.
 */
export async function compare({ floor, least, subject, rounds, warmUps }) {
  for (let i = 0; i < warmUps; i++) {
    await floor()
    await least?.()
    await subject()
  }
  const floors = []
  const leasts = []
  const subjects = []
  for (let i = 0; i < rounds; i++) {
    floors.push(await floor())
    if (least) leasts.push(await least())
    subjects.push(await subject())
  }
  const ratios = subjects.map((value, i) => value / floors[i])
  return {
    floor: median(floors),
    ...(least && { least: median(leasts), leastRatio: median(leasts.map((value, i) => value / floors[i])) }),
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
