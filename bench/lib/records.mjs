/** So many plain records, about 150 bytes of JSON each: what tasks mostly hand each other. */
export function records(count) {
  return Array.from({ length: count }, (_, id) => ({
    id,
    name: `record ${id}`,
    tags: ['a', 'list', 'of', 'words'],
    place: { x: id / 7, y: -id, known: id % 2 === 0 },
    note: id % 5 === 0 ? null : 'some text, "quoted", with a little of everything: äöü ✓',
  }))
}
