//! Text from guests, made inert before it is shown.
