// A component that is drawn again only when one of its properties is another object.

import { Component, h, type ComponentChildren, type FunctionComponent } from "preact";

export function still<Props extends object>(Draw: FunctionComponent<Props>): new (props: Props) => Component<Props> {
  return class Still extends Component<Props> {
    override shouldComponentUpdate(next: Readonly<Props>): boolean {
      const now = this.props;
      const keys = Object.keys(next) as (keyof Props)[];
      return keys.length !== Object.keys(now).length || keys.some((key) => !Object.is(next[key], now[key]));
    }

    override render(): ComponentChildren {
      return h(Draw, this.props);
    }
  };
}
