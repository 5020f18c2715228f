// Which colour a name has on the page: the same in all charts, whatever its rank is in each of them.

const kColours = 7;     // the eighth is for what is no name: others, limits, totals
const kMostNames = 500; // of one kind; processes come and go

export class Colours {
  private readonly kinds = new Map<string, Map<string, number>>();

  // For the names of one chart, in their order. Two names that have one colour elsewhere, since there are more names than colours, differ where
  // they meet: the later one has another colour in that chart.
  of(kind: string, names: readonly string[]): number[] {
    const known = this.kinds.get(kind) ?? new Map<string, number>();
    this.kinds.set(kind, known);
    const here: number[] = [];
    const free = (): number => {
      const uses = (colour: number): number => [...known.values()].filter((one) => one === colour).length;
      const all = Array.from({ length: kColours }, (_, colour) => colour);
      const left = all.filter((colour) => !here.includes(colour) && !names.some((name) => known.get(name) === colour));
      const unused = left.length > 0 ? left : all.filter((colour) => !here.includes(colour));
      return (unused.length > 0 ? unused : all).reduce((best, colour) => (uses(colour) < uses(best) ? colour : best));
    };
    for (const name of names) {
      let colour = known.get(name);
      if (colour === undefined) {
        colour = free();
        if (known.size >= kMostNames) known.clear();
        known.set(name, colour);
      } else if (here.includes(colour)) {
        colour = free();
      }
      here.push(colour);
    }
    return here;
  }
}

export const pageColours = new Colours();
