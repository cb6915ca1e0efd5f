// esbuild gathers style sheets into widget.css.
declare module "*.css";
